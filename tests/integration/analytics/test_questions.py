"""Every query of docs/analytics.md, on events whose answer is known.

The events go the way of the sinks, whose port inserts them in blocks and feeds the roll-ups, since a request could
choose neither the time at which it is taken nor its outcome. All cases share these blocks, so that each holds events
of several projects.
"""

from __future__ import annotations

from itertools import chain, groupby
from typing import TYPE_CHECKING
from uuid import uuid4

import clickhouse_connect
import msgspec
import pytest
from tests.integration.analytics.cases import (
    funnels,
    mail,
    pages,
    pipeline,
    quality,
    retention,
    revenue,
    sessions,
    sources,
    traffic,
    users,
)
from tests.integration.analytics.document import questions
from tests.integration.analytics.neighbours import with_neighbours

from sluice.sinks.block import Block, RawResult, cut
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from clickhouse_connect.driver.client import Client
    from tests.integration.analytics.case import Case
    from tests.integration.stack import Stack

    from sluice.contract.processed import Processed

CASES: tuple[Case, ...] = tuple(
    chain.from_iterable(
        chapter.CASES
        for chapter in (
            traffic,
            pages,
            sources,
            sessions,
            funnels,
            retention,
            revenue,
            mail,
            users,
            quality,
            pipeline,
        )
    )
)
MANY_QUESTIONS = 20
BLOCK_ROWS = 100
OF_THE_SITE = " AND site_id = {site_id:String}"
USUAL = {"site_id": "shop", "from": "2026-03-02", "to": "2026-03-08"}


def project_of(case: Case) -> str:
    return f"asks {case.name}"


def blocks(cases: Iterable[Case]) -> Iterator[Block]:
    """Put the events of all cases on one topic, in the order of their records, and cut it into blocks."""
    topic = str(uuid4())
    lines = [line for case in cases for line in with_neighbours(case, project_of(case))]

    def partition(line: Processed) -> int:
        return line.source.partition

    for number, of_one in groupby(sorted(lines, key=partition), partition):
        in_order = sorted(of_one, key=lambda line: line.source.timestamp)
        yield from cut(
            (
                RawResult(topic, number, offset, line.source.timestamp, [placed(line, topic, offset)], 100)
                for offset, line in enumerate(in_order)
            ),
            rows=BLOCK_ROWS,
        )


def placed(line: Processed, topic: str, offset: int) -> Processed:
    return msgspec.structs.replace(line, source=msgspec.structs.replace(line.source, topic=topic, offset=offset))


@pytest.fixture(scope="module")
async def client(deployment: Stack) -> AsyncIterator[Client]:
    """A client of a ClickHouse in which the events of all cases are stored, and which only reads."""
    log = ClickHouseEventLog(deployment.clickhouse_url)
    for block in blocks(CASES):
        await log.insert(block, block.token(0))
        await log.feed(block.topic_id, block.partition, Mark(block.last, block.first))
    with clickhouse_connect.get_client(dsn=deployment.clickhouse_url, username="reader") as client:
        yield client


def query(case: Case) -> str:
    """Give the query as it stands in the document, or without its condition on the site, as it says for all sites."""
    asked = questions()[case.question]
    if not case.without_the_site:
        return asked
    assert OF_THE_SITE in asked
    return asked.replace(OF_THE_SITE, "")


def answer(client: Client, query: str, parameters: Mapping[str, str]) -> list[str]:
    """Give the rows as cases write them."""
    rows = client.raw_query(query, parameters=dict(parameters), fmt="TabSeparated").decode().splitlines()
    written = {"": "''", "\\N": "NULL"}
    return [" | ".join(written.get(value, value) for value in row.split("\t")) for row in rows]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_question_is_answered_rightly(case: Case, client: Client):
    parameters = {**USUAL, "project": project_of(case), **case.parameters}
    expected = [line.strip() for line in case.answer.strip().splitlines()]
    assert answer(client, query(case), parameters) == expected


def test_every_question_has_a_case():
    assert {case.question for case in CASES} == set(questions())


def test_there_are_enough_questions():
    assert len(questions()) >= MANY_QUESTIONS
