"""What every event log promises; run on the twin in memory and on the real ClickHouse."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import clickhouse_connect
import pytest
from tests.factories import NOW, processed_line

from sluice.contract.errors import Retry
from sluice.sinks.block import BLOCK_ROWS, Block, RawResult
from sluice.sinks.event_log import EventLog, Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.event_log_memory import MemoryEventLog

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from tests.integration.stack import Stack


@pytest.fixture(params=["memory", "clickhouse"])
def event_log(request: pytest.FixtureRequest) -> EventLog:
    if request.param == "memory":
        return MemoryEventLog()
    deployment: Stack = request.getfixturevalue("deployment")
    return ClickHouseEventLog(deployment.clickhouse_url)


@pytest.fixture
def topic() -> str:
    return str(uuid4())


def rolled_up(event_log: EventLog, project: str) -> int:
    """Give how many rows of a project the roll-ups have counted."""
    if isinstance(event_log, MemoryEventLog):
        return sum(line.project == project for line in event_log.fed)
    assert isinstance(event_log, ClickHouseEventLog)
    with clickhouse_connect.get_client(dsn=event_log.url) as client:
        counted = "SELECT sum(rows) FROM sluice.rollup_minutes WHERE project = {project:String}"
        return int(client.query(counted, {"project": project}).result_rows[0][0])


def block(topic: str, first: int, last: int, rows: int = 2, **changes: object) -> Block:
    results = []
    for offset in range(first, last + 1):
        lines = [processed_line(offset, line, topic=topic, **changes) for line in range(rows)]
        results.append(RawResult(topic, 0, offset, NOW, lines, 100))
    return Block(results)


async def test_a_table_without_rows_of_a_partition_has_no_mark(event_log: EventLog, topic: str):
    assert await event_log.mark(topic, 0) is None


async def test_a_table_that_is_there_passes_the_check(event_log: EventLog):
    await event_log.check()


async def test_the_mark_is_the_last_offset_and_where_its_block_started(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7), "a")
    assert await event_log.mark(topic, 0) == Mark(7, 5)
    await event_log.insert(block(topic, 8, 8), "b")
    assert await event_log.mark(topic, 0, at_least=7) == Mark(8, 8)


async def test_a_block_at_offset_0_has_a_mark(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 0, 0), topic)
    assert await event_log.mark(topic, 0) == Mark(0, 0)


async def test_partitions_and_topics_have_marks_of_their_own(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7), f"{topic}/5")
    assert await event_log.mark(topic, 1) is None
    assert await event_log.mark(str(uuid4()), 0) is None


async def test_a_second_block_with_the_same_token_is_dropped_whatever_it_holds(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7), f"{topic}/5")
    await event_log.insert(block(topic, 5, 9), f"{topic}/5")
    assert await event_log.mark(topic, 0) == Mark(7, 5)


async def test_the_same_block_with_another_token_is_appended(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7), f"{topic}/5")
    await event_log.insert(block(topic, 5, 9), f"{topic}/5~1")
    assert await event_log.mark(topic, 0) == Mark(9, 5)


async def test_rows_that_can_be_stored_pass_a_trial_and_nothing_is_kept(event_log: EventLog, topic: str):
    await event_log.trial(block(topic, 5, 7).lines)
    assert await event_log.mark(topic, 0) is None


async def test_a_block_is_not_in_the_roll_ups_before_it_is_fed(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7, project=topic), f"{topic}/5")
    assert rolled_up(event_log, topic) == 0


async def test_a_block_is_rolled_up_once_however_often_it_is_fed(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7, project=topic), f"{topic}/5")
    for _ in range(3):
        await event_log.feed(topic, 0, Mark(7, 5))
    assert rolled_up(event_log, topic) == 6


async def test_each_block_is_fed_alone(event_log: EventLog, topic: str):
    for first, last in ((5, 7), (8, 8), (9, 12)):
        await event_log.insert(block(topic, first, last, project=topic), f"{topic}/{first}")
    await event_log.feed(topic, 0, Mark(8, 8))
    assert rolled_up(event_log, topic) == 2
    await event_log.feed(topic, 0, Mark(12, 9))
    assert rolled_up(event_log, topic) == 10


async def test_the_same_offsets_of_another_partition_or_topic_are_fed_for_themselves(event_log: EventLog, topic: str):
    other = str(uuid4())
    await event_log.insert(block(topic, 5, 7, project=topic), f"{topic}/5")
    await event_log.insert(block(other, 5, 7, project=topic), f"{other}/5")
    for raw_topic in (topic, other):
        await event_log.feed(raw_topic, 0, Mark(7, 5))
    assert rolled_up(event_log, topic) == 12


async def test_a_block_that_the_table_does_not_hold_cannot_be_fed(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7, project=topic), f"{topic}/5")
    with pytest.raises(Retry, match="does not hold raw offset 9"):
        await event_log.feed(topic, 0, Mark(9, 8))
    with pytest.raises(Retry, match="does not hold raw offset 7"):
        await event_log.feed(topic, 1, Mark(7, 5))
    assert rolled_up(event_log, topic) == 0


async def test_a_block_that_many_feed_at_once_is_rolled_up_once(event_log: EventLog, topic: str):
    await event_log.insert(block(topic, 5, 7, project=topic), f"{topic}/5")
    await asyncio.gather(*(event_log.feed(topic, 0, Mark(7, 5)) for _ in range(5)))
    assert rolled_up(event_log, topic) == 6


async def test_a_full_block_becomes_one_part_however_wide_its_rows(deployment: Stack, topic: str):
    """ClickHouse numbers the parts of an insert one by one: after one part, the next insert has the next number."""
    event_log = ClickHouseEventLog(deployment.clickhouse_url)
    lines = [processed_line(3, n, topic=topic, reason="x" * 900) for n in range(BLOCK_ROWS)]
    with clickhouse_connect.get_client(dsn=deployment.clickhouse_url) as client:
        before = _last_part_number(client)
        await event_log.insert(Block([RawResult(topic, 0, 3, NOW, lines, 100)]), f"{topic}/3")
        assert _last_part_number(client) == before + 1
        where = "source_topic = {topic:UUID}"
        rows = client.query(f"SELECT count() FROM sluice.event_log WHERE {where}", parameters={"topic": topic})
    assert rows.result_rows == [(BLOCK_ROWS,)]


def _last_part_number(client: Client) -> int:
    parts = "SELECT max(max_block_number) FROM system.parts WHERE database = 'sluice' AND table = 'event_log'"
    return int(client.query(parts).result_rows[0][0])


async def test_bytes_that_are_no_text_reach_the_table_as_they_were_sent(deployment: Stack, topic: str):
    event_log = ClickHouseEventLog(deployment.clickhouse_url)
    await event_log.insert(block(topic, 1, 1, rows=1, payload_base64="//4A"), f"{topic}/1")
    with clickhouse_connect.get_client(dsn=deployment.clickhouse_url) as client:
        sent = "SELECT hex(payload) FROM sluice.event_log WHERE source_topic = {topic:UUID}"
        assert client.query(sent, {"topic": topic}).result_rows == [("FFFE00",)]


async def test_while_clickhouse_is_away_callers_are_told_to_retry(topic: str):
    event_log = ClickHouseEventLog("http://127.0.0.1:1")
    with pytest.raises(Retry, match=r"^ClickHouse at http://127\.0\.0\.1:1: "):
        await event_log.check()
    with pytest.raises(Retry, match=r"^ClickHouse at http://127\.0\.0\.1:1: "):
        await event_log.mark(topic, 0)
    with pytest.raises(Retry):
        await event_log.insert(block(topic, 0, 0), topic)
