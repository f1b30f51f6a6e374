"""The roll-ups count each block once, whatever happens to the table, to a view or to ClickHouse between two feeds."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
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
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.integration.sinks.conftest import OwnClickHouse

    from sluice.contract.processed import Processed

DEADLINE_S = 60.0
ROWS = 3000
MARKS = [Mark(5, 0), Mark(11, 6), Mark(17, 12)]


ROLLUPS = ("minutes", "sessions", "visitor_days", "users")


class LateFeeder(ClickHouseEventLog):
    """One who asked before anybody had fed a block, and feeds it when all others have: tokens alone hold it back."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._asked: set[Mark] = set()

    async def _lacking(self, topic_id: str, partition: int, mark: Mark) -> Sequence[str]:
        if mark in self._asked:
            return await super()._lacking(topic_id, partition, mark)
        self._asked.add(mark)
        return ROLLUPS


@pytest.fixture
def event_log(clickhouse: OwnClickHouse) -> ClickHouseEventLog:
    return ClickHouseEventLog(clickhouse.url)


@pytest.fixture
def late(clickhouse: OwnClickHouse) -> LateFeeder:
    return LateFeeder(clickhouse.url)


@pytest.fixture
def topic() -> str:
    """Kafka's id of a raw topic, whose events are of a project of their own."""
    return str(uuid4())


def project_of(topic: str) -> str:
    return f"project of {topic}"


def line(topic: str, offset: int, number: int, keys: int = 7) -> Processed:
    """A line that every roll-up counts, with one of so many keys; blocks overlap in the table's order."""
    made = processed_line(
        offset, number, topic=topic, project=project_of(topic), user_change=UserChange(set={"plan": "pro"})
    )
    event = msgspec.structs.replace(
        made.event,
        site_id=f"site_{number % 100}",
        session_id=f"s{number % keys}",
        user_id=f"u{number % keys}",
        visitor_id=number % keys + 1,
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


def counted(clickhouse: OwnClickHouse, topic: str) -> dict[str, int]:
    """Give how many rows each roll-up has counted."""
    sums = "SELECT sum(rows) FROM sluice.rollup_{} WHERE project = {{project:String}}"
    return {name: clickhouse.query(sums.format(name), project=project_of(topic))[0][0] for name in ROLLUPS}


def forget_block(clickhouse: OwnClickHouse, rollup: str, topic: str) -> None:
    """Remove what a roll-up has of a topic, and keep the tokens: as if it had logged them and lost the parts."""
    clickhouse.command(
        f"ALTER TABLE sluice.rollup_{rollup} DELETE WHERE project IN ('{topic}', '{project_of(topic)}') "
        "SETTINGS mutations_sync = 2"
    )


ONCE = dict.fromkeys(ROLLUPS, ROWS * len(MARKS))


@contextmanager
def remembering_one_token(clickhouse: OwnClickHouse) -> Iterator[None]:
    """Have each roll-up forget a token with the next one."""
    alter = "ALTER TABLE sluice.rollup_{} MODIFY SETTING non_replicated_deduplication_window = {}"
    for name in ROLLUPS:
        clickhouse.command(alter.format(name, 1))
    yield
    for name in ROLLUPS:
        clickhouse.command(alter.format(name, 1_000_000))


@asynccontextmanager
async def fed_and_forgotten(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
) -> AsyncIterator[None]:
    """Store and feed all blocks, and then have the roll-ups forget their tokens, by the blocks of another topic."""
    other = str(uuid4())
    await store(event_log, topic)
    await store(event_log, other)
    with remembering_one_token(clickhouse):
        await feed(event_log, topic)
        await feed(event_log, other)
        yield


@contextmanager
def more_rollups(clickhouse: OwnClickHouse, *counts: str) -> Iterator[list[str]]:
    """Have more roll-ups, each of which takes a block by one expression; give their names."""
    names = [f"own_{number}" for number in range(len(counts))]
    for name, count in zip(names, counts, strict=True):
        clickhouse.command(
            f"CREATE TABLE sluice.rollup_{name} (project String, n UInt64, fed UInt64, fed_partition UInt32) "
            "ENGINE = MergeTree ORDER BY project SETTINGS non_replicated_deduplication_window = 1000"
        )
        clickhouse.command(
            f"CREATE MATERIALIZED VIEW sluice.feed_{name} TO sluice.rollup_{name} AS "
            f"SELECT project, {count} AS n, maxIf(source_offset + 1, outcome = 'fed') AS fed, "
            "maxIf(source_partition, outcome = 'fed') AS fed_partition "
            f"FROM sluice.feed WHERE has(lacking, '{name}') GROUP BY project"
        )
    yield names
    for name in names:
        clickhouse.command(f"DROP VIEW IF EXISTS sluice.feed_{name}")
        clickhouse.command(f"DROP TABLE sluice.rollup_{name}")


COUNT = "countIf(outcome != 'fed')"


async def test_blocks_are_counted_once_although_the_table_is_merged_between_feeds(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, late: LateFeeder, topic: str
):
    await store(event_log, topic)
    await feed(event_log, topic)
    clickhouse.command("OPTIMIZE TABLE sluice.event_log FINAL")
    await feed(late, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_blocks_are_counted_once_although_their_rows_are_blanked_between_feeds(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, late: LateFeeder, topic: str
):
    await store(event_log, topic)
    await feed(event_log, topic)
    clickhouse.command(
        f"ALTER TABLE sluice.event_log UPDATE url = '' WHERE source_topic = '{topic}' SETTINGS mutations_sync = 2"
    )
    await feed(late, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_blocks_are_counted_once_although_clickhouse_is_killed_between_feeds(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, late: LateFeeder, topic: str
):
    await store(event_log, topic)
    await feed(event_log, topic)
    clickhouse.kill()
    clickhouse.start()
    await feed(late, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_a_block_of_the_largest_size_is_fed_as_one_and_lies_in_one_part_with_its_marker(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, late: LateFeeder, topic: str
):
    lines = [line(topic, 0, number, keys=50_000) for number in range(50_000)]
    block = Block([RawResult(topic, 0, 0, NOW, lines, 100)])
    await event_log.insert(block, block.token(0))
    await event_log.feed(topic, 0, Mark(0, 0))
    parts = "SELECT uniqExact(_part) FROM sluice.rollup_{} WHERE project IN ({{topic:String}}, {{project:String}})"
    for name in ROLLUPS:
        assert clickhouse.query(parts.format(name), topic=topic, project=project_of(topic)) == [(1,)]
    clickhouse.command("OPTIMIZE TABLE sluice.event_log FINAL")
    await late.feed(topic, 0, Mark(0, 0))
    assert set(counted(clickhouse, topic).values()) == {50_000}


async def test_a_feed_that_one_view_refuses_is_repeated_for_those_that_lack_it(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    fails = f"{COUNT} + throwIf(project = '{topic}')"
    with more_rollups(clickhouse, COUNT, fails, COUNT) as (first, broken, last):
        with pytest.raises(Retry, match="throwIf"):
            await event_log.feed(topic, 0, MARKS[0])
        clickhouse.command(f"DROP VIEW sluice.feed_{broken}")
        await feed(event_log, topic)
        for name in (first, last):
            assert clickhouse.query(f"SELECT sum(n) FROM sluice.rollup_{name}") == [(ROWS * len(MARKS),)]
    assert counted(clickhouse, topic) == ONCE


async def test_a_clickhouse_that_is_killed_between_two_roll_ups_counts_the_block_once_in_each(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    slow = f"{COUNT} + sleep(2)"
    with more_rollups(clickhouse, slow, slow, slow) as names:
        each = " UNION ALL ".join(f"SELECT n FROM sluice.rollup_{name}" for name in names)
        rows = f"SELECT sum(n) FROM ({each})"
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


async def test_a_block_that_is_fed_by_many_at_once_is_counted_once(clickhouse: OwnClickHouse, topic: str):
    many = [LateFeeder(clickhouse.url) for _ in range(4)]
    await store(many[0], topic)
    await asyncio.gather(*(feed(one, topic) for one in many))
    assert counted(clickhouse, topic) == ONCE


async def test_the_last_block_of_an_idle_partition_is_counted_once_although_its_token_is_forgotten(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    async with fed_and_forgotten(clickhouse, event_log, topic):
        await event_log.feed(topic, 0, MARKS[-1])
    assert counted(clickhouse, topic) == ONCE


@pytest.mark.parametrize("rollup", ROLLUPS)
async def test_a_roll_up_that_has_logged_the_tokens_of_a_block_and_lost_it_is_fed_again(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str, rollup: str
):
    await store(event_log, topic)
    for _ in range(3):  # each time one token more is lost
        await event_log.feed(topic, 0, MARKS[0])
        assert counted(clickhouse, topic) == dict.fromkeys(ROLLUPS, ROWS)
        forget_block(clickhouse, rollup, topic)
    await event_log.feed(topic, 0, MARKS[0])
    assert counted(clickhouse, topic) == dict.fromkeys(ROLLUPS, ROWS)


async def test_only_the_roll_up_that_lacks_a_block_takes_it(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    async with fed_and_forgotten(clickhouse, event_log, topic):
        with more_rollups(clickhouse, COUNT) as (late_made,):
            await event_log.feed(topic, 0, MARKS[-1])
            assert clickhouse.query(f"SELECT sum(n) FROM sluice.rollup_{late_made}") == [(ROWS,)]
    assert counted(clickhouse, topic) == ONCE


async def test_a_roll_up_that_never_takes_a_block_is_told_of(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    with more_rollups(clickhouse, COUNT) as (name,):
        clickhouse.command(f"DROP VIEW sluice.feed_{name}")
        clickhouse.command(
            f"CREATE MATERIALIZED VIEW sluice.feed_{name} TO sluice.rollup_{name} AS "
            "SELECT project FROM sluice.feed WHERE false"
        )
        with pytest.raises(Retry, match=rf"that the roll-ups {name} took the block from raw offset 0 on"):
            await event_log.feed(topic, 0, MARKS[0])


async def test_a_mark_beyond_the_block_that_the_table_holds_is_told_of_and_counts_nothing_twice(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    await store(event_log, topic)
    for mark in MARKS[:-1]:
        await event_log.feed(topic, 0, mark)
    wrong = Mark(MARKS[-1].offset + 1, MARKS[-1].block_first)
    for _ in range(2):
        with pytest.raises(Retry, match="event_log does not hold raw offset 18"):
            await event_log.feed(topic, 0, wrong)
    await feed(event_log, topic)
    assert counted(clickhouse, topic) == ONCE


async def test_analysts_see_no_markers(clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str):
    await store(event_log, topic)
    await feed(event_log, topic)
    for name in ROLLUPS:
        assert clickhouse.query(f"SELECT count() FROM sluice.{name} WHERE project = '{topic}'") == [(0,)]
        assert clickhouse.query(f"SELECT count() > 0 FROM sluice.{name} WHERE project = '{project_of(topic)}'") == [
            (1,)
        ]
