"""A sink's lane: each result reaches the event log exactly once, whoever else writes and whatever breaks off."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.factories import NOW, processed_line

from sluice.contract import ndjson, processed
from sluice.contract.errors import Retry
from sluice.sinks.event_log_memory import MemoryEventLog
from sluice.sinks.lane import SinkLane
from sluice.stream.lane import Progress, Record

if TYPE_CHECKING:
    from sluice.sinks.block import Block


@dataclass
class FixedProcessedLog:
    """A log that holds the raw records of a range, each at 40 more than its source offset."""

    held: range = range(1000)
    asked: list[int] = field(default_factory=list)

    async def find(self, partition: int, topic_id: str, source_offset: int, before: int) -> int | None:
        self.asked.append(source_offset)
        return source_offset + 40 if source_offset in self.held and source_offset + 40 < before else None


@dataclass
class FaultyEventLog(MemoryEventLog):
    """Breaks at scripted inserts: before the block lands, or after it, so that the answer is lost."""

    lost_before: int = 0
    lost_after: int = 0
    logged_only: int = 0
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def insert(self, block: Block, token: str) -> None:
        self.tokens.append(token)
        if self.lost_before:
            self.lost_before -= 1
            raise Retry("connection refused")
        if self.logged_only:
            self.logged_only -= 1
            self._tokens.add(token)
            return
        await super().insert(block, token)
        if self.lost_after:
            self.lost_after -= 1
            raise Retry("the answer was cut off")


def record(*offsets: int, topic: str | None = None, position: int = 0) -> Record:
    changes = {"topic": topic} if topic else {}
    lines = [processed_line(offset, line, **changes) for offset in offsets for line in range(2)]
    return Record(0, position, NOW, ndjson.join(processed.encode(line) for line in lines))


def lane_on(event_log: MemoryEventLog, held: range = range(1000)) -> SinkLane:
    return SinkLane(0, event_log, FixedProcessedLog(held))


def stored(event_log: MemoryEventLog) -> list[tuple[int, int]]:
    return [(line.source.offset, line.source.line) for block in event_log.blocks for line in block.lines]


def lines(*offsets: int) -> list[tuple[int, int]]:
    return [(offset, line) for offset in offsets for line in range(2)]


async def test_results_are_stored_and_their_records_done():
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    assert await lane.process([record(0, 1), record(2)]) == Progress(done=2)
    assert stored(log) == lines(0, 1, 2)
    assert len(log.blocks) == 1


async def test_what_is_stored_already_is_not_stored_again():
    log = MemoryEventLog()
    first = lane_on(log)
    await first.open()
    await first.process([record(0, 1, 2)])
    second = lane_on(log)
    await second.open()
    await second.process([record(1, 2, 3), record(4)])
    assert stored(log) == lines(0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(FaultyEventLog(lost_before=1), id="lost before it landed"),
        pytest.param(FaultyEventLog(lost_after=1), id="landed, but the answer was lost"),
        pytest.param(FaultyEventLog(logged_only=1), id="the token was logged without the block"),
    ],
)
async def test_after_a_fault_each_result_is_there_once(log: FaultyEventLog):
    lane = lane_on(log)
    await lane.open()
    for _ in range(2):
        try:
            await lane.process([record(0, 1)])
        except Retry:
            await lane.open()
    assert stored(log) == lines(0, 1)


async def test_a_token_that_was_logged_without_its_block_is_followed_by_the_next_one():
    log = FaultyEventLog(logged_only=2)
    lane = lane_on(log)
    await lane.open()
    await lane.process([record(5)])
    assert [token.rpartition("/")[2] for token in log.tokens] == ["5", "5~1", "5~2"]


async def test_a_retry_with_other_bounds_keeps_what_landed_first():
    log = FaultyEventLog(lost_after=1)
    lane = lane_on(log)
    await lane.open()
    with pytest.raises(Retry):
        await lane.process([record(0, 1)])
    await lane.open()
    await lane.process([record(0, 1), record(2, 3)])
    assert stored(log) == lines(0, 1, 2, 3)


async def test_of_two_sinks_that_append_at_once_one_lands_and_the_other_goes_on_behind_it():
    log = MemoryEventLog()
    one, other = lane_on(log), lane_on(log)
    for lane in (one, other):
        await lane.open()
        await lane.process([record(0)])
    await one.process([record(1, 2)])
    await other.process([record(1), record(2, 3)])  # still believes that 0 is the mark
    assert stored(log) == lines(0, 1, 2, 3)


async def test_an_empty_table_starts_with_what_comes_first(caplog: pytest.LogCaptureFixture):
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    with caplog.at_level(logging.WARNING):
        await lane.process([record(7, 8)])
    assert stored(log) == lines(7, 8)
    assert "a new ledger starts" in caplog.text


def at(position: int, *offsets: int) -> Record:
    """A record at a position of events.processed."""
    return record(*offsets, position=position)


async def test_a_gap_is_looked_for_in_the_log_and_read_from_there(caplog: pytest.LogCaptureFixture):
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    await lane.process([at(40, 0)])
    assert await lane.process([at(43, 3)]) == Progress(done=0, seek_to=41)
    assert "raw offsets 1 to 2" in caplog.text
    await lane.process([at(41, 1, 2), at(43, 3)])
    assert stored(log) == lines(0, 1, 2, 3)


async def test_a_gap_within_a_batch_or_a_record_stops_before_it():
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    assert await lane.process([at(40, 0), at(41, 1), at(43, 3)]) == Progress(done=2, seek_to=42)
    assert await lane.process([at(44, 2, 4)]) == Progress(done=0, seek_to=43)
    assert stored(log) == lines(0, 1, 2)


async def test_what_was_fetched_before_the_seek_is_no_proof_of_a_loss(caplog: pytest.LogCaptureFixture):
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    await lane.process([at(40, 0)])
    for late in range(43, 48):
        assert await lane.process([at(40, 0), at(late, late - 40)]) == Progress(done=1, seek_to=41)
    assert "LOST" not in caplog.text
    await lane.process([at(41, 1, 2), at(43, 3), at(44, 4)])
    assert stored(log) == lines(0, 1, 2, 3, 4)


async def test_a_gap_that_the_log_does_not_hold_is_reported_and_work_goes_on(caplog: pytest.LogCaptureFixture):
    log = MemoryEventLog()
    lane = lane_on(log, held=range(3, 1000))
    await lane.open()
    await lane.process([at(40, 0)])
    assert await lane.process([at(43, 3), at(44, 4)]) == Progress(done=2)
    assert "raw offsets 1 to 2" in caplog.text
    assert "LOST" in caplog.text
    assert stored(log) == lines(0, 3, 4)


async def test_a_record_that_comes_twice_in_a_batch_is_stored_once():
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    await lane.process([at(40, 0), at(41, 1), at(40, 0), at(41, 1), at(42, 2)])
    assert stored(log) == lines(0, 1, 2)


async def test_the_lines_of_an_older_raw_topic_keep_a_ledger_of_their_own():
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    old, new = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
    await lane.process([record(8, 9, topic=old)])
    assert await lane.process([record(10, topic=old), record(0, topic=new)]) == Progress(done=2)
    assert [(block.topic_id, block.first, block.last) for block in log.blocks] == [
        (old, 8, 9),
        (old, 10, 10),
        (new, 0, 0),
    ]


async def test_records_without_a_line_of_ours_are_done():
    lane = lane_on(MemoryEventLog())
    await lane.open()
    assert await lane.process([Record(0, 0, NOW, b"foreign")]) == Progress(done=1)


async def test_a_lane_that_is_opened_again_asks_the_table_and_not_its_memory():
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    await lane.process([record(0)])
    await lane.process([record(1)])
    log.blocks.pop()  # ClickHouse came back from an older backup
    await lane.open()
    assert await lane.process([at(50, 2)]) == Progress(done=0, seek_to=41)


async def test_a_lane_does_not_open_while_the_table_cannot_be_asked():
    class Away(MemoryEventLog):
        async def check(self) -> None:
            raise Retry("away")

    with pytest.raises(Retry, match="away"):
        await lane_on(Away()).open()
