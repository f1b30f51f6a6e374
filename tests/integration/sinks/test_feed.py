"""The roll-ups count each block once, whatever happens to the table, to a view or to ClickHouse between two feeds."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import clickhouse_connect
import msgspec
import pytest
from tests.factories import NOW, processed_line

from sluice.contract.errors import Retry
from sluice.contract.processed import UserChange
from sluice.sinks.block import Block, RawResult
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sinks.conftest import OwnClickHouse

    from sluice.contract.processed import Processed

DEADLINE_S = 60.0
ROWS = 3000
MARKS = [Mark(5, 0), Mark(11, 6), Mark(17, 12)]


@pytest.fixture
def event_log(clickhouse: OwnClickHouse) -> ClickHouseEventLog:
    return ClickHouseEventLog(clickhouse.url)


@pytest.fixture
def topic() -> str:
    """Kafka's id of a raw topic, which is the name of the events' project too."""
    return str(uuid4())


def line(topic: str, offset: int, number: int) -> Processed:
    """A line that every roll-up counts; blocks lie between each other in the table's order."""
    made = processed_line(offset, number, topic=topic, project=topic, user_change=UserChange(set={"plan": "pro"}))
    event = msgspec.structs.replace(
        made.event,
        site_id=f"site_{number % 100}",
        session_id=f"s{number % 7}",
        user_id=f"u{number % 11}",
        visitor_id=number % 13 + 1,
        url="https://example.com/" + "x" * (number % 50),
        value=0.1,
        currency="EUR",
    )
    return msgspec.structs.replace(made, event=event)


async def store(event_log: ClickHouseEventLog, topic: str) -> None:
    """Store a block for each of `MARKS`."""
    for mark in MARKS:
        results = [
            RawResult(topic, 0, offset, NOW, [line(topic, offset, n) for n in range(ROWS // 6)], 100)
            for offset in range(mark.block_first, mark.offset + 1)
        ]
        block = Block(results)
        await event_log.insert(block, block.token(0))


async def feed(event_log: ClickHouseEventLog, topic: str) -> None:
    for mark in MARKS:
        await event_log.feed(topic, 0, mark)


def counted(clickhouse: OwnClickHouse, project: str) -> dict[str, int]:
    """Give how many rows each roll-up has counted."""
    rolled = ("minutes", "sessions", "visitor_days", "users")
    sums = "SELECT sum(rows) FROM sluice.rollup_{} WHERE project = {{project:String}}"
    return {name: clickhouse.query(sums.format(name), project=project)[0][0] for name in rolled}


ONCE = dict.fromkeys(("minutes", "sessions", "visitor_days", "users"), ROWS * len(MARKS))


@contextmanager
def views(clickhouse: OwnClickHouse, *selects: str) -> Iterator[list[str]]:
    """Have more roll-ups, each of one column `n`; give their tables' names."""
    names = [f"own_{number}" for number in range(len(selects))]
    for name, select in zip(names, selects, strict=True):
        clickhouse.command(
            f"CREATE TABLE sluice.{name} (n UInt64) ENGINE = MergeTree ORDER BY n "
            "SETTINGS non_replicated_deduplication_window = 1000"
        )
        clickhouse.command(f"CREATE MATERIALIZED VIEW sluice.feed_{name} TO sluice.{name} AS {select}")
    yield names
    for name in names:
        clickhouse.command(f"DROP VIEW IF EXISTS sluice.feed_{name}")
        clickhouse.command(f"DROP TABLE sluice.{name}")


async def test_blocks_are_counted_once_although_the_table_is_merged_between_feeds(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    await feed(event_log, topic)
    clickhouse.command("OPTIMIZE TABLE sluice.event_log FINAL")
    await feed(event_log, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_blocks_are_counted_once_although_their_rows_are_blanked_between_feeds(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    await feed(event_log, topic)
    clickhouse.command(
        f"ALTER TABLE sluice.event_log UPDATE url = '' WHERE source_topic = '{topic}' SETTINGS mutations_sync = 2"
    )
    await feed(event_log, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_blocks_are_counted_once_although_clickhouse_is_killed_between_feeds(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    await feed(event_log, topic)
    clickhouse.kill()
    clickhouse.start()
    await feed(event_log, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_a_block_of_the_largest_size_is_fed_as_one(clickhouse: OwnClickHouse, event_log: ClickHouseEventLog):
    topic = str(uuid4())
    lines = [line(topic, 0, number) for number in range(50_000)]
    block = Block([RawResult(topic, 0, 0, NOW, lines, 100)])
    await event_log.insert(block, block.token(0))
    for _ in range(2):
        await event_log.feed(topic, 0, Mark(0, 0))
        clickhouse.command("OPTIMIZE TABLE sluice.event_log FINAL")
    assert set(counted(clickhouse, topic).values()) == {50_000}


async def test_a_feed_that_one_view_refuses_is_repeated_for_the_others_without_effect(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    counts, fails = (
        f"SELECT count() AS n FROM sluice.feed WHERE project = '{topic}' AND {condition}"
        for condition in ("true", f"throwIf(project = '{topic}') = 0")
    )
    with views(clickhouse, counts, fails, counts) as (first, broken, last):
        with pytest.raises(Retry, match="throwIf"):
            await event_log.feed(topic, 0, MARKS[0])
        clickhouse.command(f"DROP VIEW sluice.feed_{broken}")
        await feed(event_log, topic)
        for name in (first, last):
            assert clickhouse.query(f"SELECT sum(n) FROM sluice.{name}") == [(ROWS * len(MARKS),)]
    assert counted(clickhouse, topic) == ONCE


async def test_a_clickhouse_that_is_killed_between_two_roll_ups_counts_the_block_once_in_each(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    slow = f"SELECT count() + sleep(2) AS n FROM sluice.feed WHERE project = '{topic}'"
    with views(clickhouse, slow, slow, slow) as names:
        rows = "SELECT sum(n) FROM (" + " UNION ALL ".join(f"SELECT n FROM sluice.{name}" for name in names) + ")"
        feeding = asyncio.create_task(event_log.feed(topic, 0, MARKS[0]))
        deadline = time.monotonic() + DEADLINE_S
        with clickhouse_connect.get_client(dsn=clickhouse.url) as client:
            while not (counted_by := client.query(rows).result_rows[0][0]) and time.monotonic() < deadline:
                await asyncio.sleep(0)
            clickhouse.kill()
        assert 0 < counted_by < ROWS * len(names)
        with pytest.raises(Retry):
            await feeding
        clickhouse.start()
        await event_log.feed(topic, 0, MARKS[0])
        assert clickhouse.query(rows) == [(ROWS * len(names),)]
    await feed(event_log, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_a_block_that_is_fed_by_many_at_once_is_counted_once(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    await asyncio.gather(*(feed(event_log, topic) for _ in range(4)))
    assert counted(clickhouse, topic) == ONCE
