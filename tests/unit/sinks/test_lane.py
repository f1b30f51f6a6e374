"""A sink's lane: each result reaches the event log exactly once, whoever else writes and whatever breaks off."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.factories import NOW, TOPIC, processed_line

from sluice.contract import ndjson, processed
from sluice.contract.errors import Reject, Retry
from sluice.contract.event import Outcome
from sluice.sinks.block import cut, read
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_memory import MemoryEventLog
from sluice.sinks.lane import SinkLane
from sluice.stream.lane import Progress, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.processed import Processed
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
class FixedRawLog:
    """A raw topic that holds a range of offsets."""

    id: str = TOPIC
    held: range = range(1000)

    async def topic_id(self) -> str:
        return self.id

    async def range_of(self, partition: int) -> range:
        return self.held


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
    return SinkLane(0, event_log, FixedProcessedLog(held), FixedRawLog())


def stored(event_log: MemoryEventLog) -> list[tuple[int, int]]:
    return [(line.source.offset, line.source.line) for block in event_log.blocks for line in block.lines]


def fed(event_log: MemoryEventLog) -> list[tuple[int, int]]:
    return [(line.source.offset, line.source.line) for line in event_log.fed]


def fed_lines(event_log: MemoryEventLog, outcome: Outcome) -> list[Processed]:
    return [line for line in event_log.fed if line.outcome is outcome]


class RefusingEventLog(MemoryEventLog):
    """Takes no stored line 1 of raw record 1."""

    async def insert(self, block: Block, token: str) -> None:
        self._refuse(block.lines)
        await super().insert(block, token)

    async def trial(self, lines: Sequence[Processed]) -> None:
        self._refuse(lines)

    @staticmethod
    def _refuse(lines: Sequence[Processed]) -> None:
        for line in lines:
            if (line.source.offset, line.source.line, line.outcome) == (1, 1, Outcome.STORED):
                raise Reject("too large")


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


async def test_a_clickhouse_that_takes_blocks_and_never_has_them_is_tried_again_later():
    log = FaultyEventLog(logged_only=1000)
    lane = lane_on(log)
    await lane.open()
    with pytest.raises(Retry, match="does not have it"):
        await lane.process([record(5)])
    assert len(log.tokens) == 10


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


@pytest.mark.parametrize(
    ("end", "asked_from"),
    [
        pytest.param(0, [0], id="an empty log"),
        pytest.param(4, [0], id="a short log"),
        pytest.param(10_002, [2], id="the mark is near the end"),
        pytest.param(10_003, [3, 0], id="the mark is farther back"),
        pytest.param(200_000_000, [199_990_000, 199_000_000, 100_000_000, 0], id="the mark is far back"),
    ],
)
async def test_the_mark_is_looked_for_near_the_raw_logs_end_before_the_whole_table_is_read(
    end: int, asked_from: list[int]
):
    class Asked(MemoryEventLog):
        def __init__(self) -> None:
            super().__init__()
            self.asked_from: list[int] = []

        async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
            self.asked_from.append(at_least)
            return await super().mark(topic_id, partition, at_least)

    log = Asked()
    if end:
        await log.insert(next(cut(read(record(0, 1, 2).value))), "of another sink")
    await SinkLane(0, log, FixedProcessedLog(), FixedRawLog(held=range(end))).open()
    assert log.asked_from == asked_from
    assert fed(log) == (lines(0, 1, 2) if end else [])


async def test_a_mark_beyond_an_end_that_the_raw_log_had_before_is_no_reason_to_pause(
    caplog: pytest.LogCaptureFixture,
):
    raw_log = FixedRawLog(held=range(1))

    class Growing(MemoryEventLog):
        async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
            if not self.blocks:
                raw_log.held = range(3)
                await self.insert(next(cut(read(record(0, 1, 2).value))), "of another sink")
            return await super().mark(topic_id, partition, at_least)

    await SinkLane(0, Growing(), FixedProcessedLog(), raw_log).open()
    assert "paused" not in caplog.text


async def test_a_lane_does_not_open_while_the_table_cannot_be_asked():
    class Away(MemoryEventLog):
        async def check(self) -> None:
            raise Retry("away")

    with pytest.raises(Retry, match="away"):
        await lane_on(Away()).open()


async def test_a_block_is_fed_to_the_roll_ups_once_it_is_stored():
    log = MemoryEventLog()
    lane = lane_on(log)
    await lane.open()
    await lane.process([record(0, 1)])
    await lane.process([record(2)])
    assert fed(log) == lines(0, 1, 2)


async def test_what_was_stored_but_not_fed_is_fed_by_whoever_opens_the_partition_next():
    log = MemoryEventLog()
    await log.insert(next(cut(read(record(0, 1).value))), "stored by a sink that died before it fed")
    await lane_on(log).open()
    assert fed(log) == lines(0, 1)


class CountingFeeds(MemoryEventLog):
    """Keeps which marks it was asked to feed."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[Mark] = []

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        self.marks.append(mark)
        await super().feed(topic_id, partition, mark)


async def test_a_partition_that_stays_paused_is_fed_once_since_others_fill_the_roll_ups_window_meanwhile():
    log = CountingFeeds()
    await log.insert(next(cut(read(record(0, 1, 2).value))), "of another sink")
    lane = SinkLane(0, log, FixedProcessedLog(), FixedRawLog(held=range(1)))
    await lane.open()
    for _ in range(3):
        assert (await lane.process([record(3)])).pause_s > 0
    assert log.marks == [Mark(2, 0)]


async def test_a_block_whose_feed_broke_off_is_fed_again():
    class BreaksOff(CountingFeeds):
        async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
            await super().feed(topic_id, partition, mark)
            if len(self.marks) == 1:
                raise Retry("the answer was cut off")

    log = BreaksOff()
    lane = lane_on(log)
    await lane.open()
    with pytest.raises(Retry, match="cut off"):
        await lane.process([record(0, 1)])
    await lane.open()
    assert log.marks == [Mark(1, 0)] * 2


async def test_no_block_is_appended_before_the_one_before_it_is_fed():
    @dataclass
    class Unfed(FaultyEventLog):
        async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
            raise Retry("too many simultaneous queries")

    log = Unfed()
    lane = lane_on(log)
    await lane.open()
    for _ in range(2):
        with pytest.raises(Retry, match="simultaneous"):
            await lane.process([record(0), record(1)])
        with pytest.raises(Retry, match="simultaneous"):
            await lane.open()
    assert stored(log) == lines(0, 1)
    assert len(log.tokens) == 1


async def test_the_block_of_another_sink_is_fed_too():
    log = MemoryEventLog()
    one, other = lane_on(log), lane_on(log)
    for lane in (one, other):
        await lane.open()
    await log.insert(next(cut(read(record(0, 1).value))), f"{TOPIC}/0/0")
    await one.process([record(0), record(1, 2)])
    assert sorted(fed(log)) == lines(0, 1, 2)


async def test_a_row_that_clickhouse_refuses_is_rejected_in_the_same_block_and_the_rest_is_stored(
    caplog: pytest.LogCaptureFixture,
):
    log = RefusingEventLog()
    lane = lane_on(log)
    await lane.open()
    assert await lane.process([record(0), record(1, 2)]) == Progress(done=2)
    assert stored(log) == lines(0, 1, 2)
    assert len(log.blocks) == 1
    assert [(line.source.offset, line.source.line) for line in fed_lines(log, Outcome.INVALID)] == [(1, 1)]
    assert "raw offset 1, line 1 is rejected" in caplog.text


async def test_a_block_that_is_refused_though_its_rows_pass_is_tried_again_and_nothing_is_rejected():
    class Stubborn(RefusingEventLog):
        async def trial(self, lines: Sequence[Processed]) -> None:
            pass

    log = Stubborn()
    lane = lane_on(log)
    await lane.open()
    with pytest.raises(Retry, match="though it would take its rows"):
        await lane.process([record(1)])
    assert stored(log) == []


async def test_a_block_that_is_refused_in_its_mended_form_too_is_tried_again():
    class Stubborn(RefusingEventLog):
        async def insert(self, block: Block, token: str) -> None:
            raise Reject("no")

    log = Stubborn()
    lane = lane_on(log)
    await lane.open()
    with pytest.raises(Retry, match="whose rows it takes"):
        await lane.process([record(1)])


@pytest.mark.parametrize(("end", "is_paused"), [(2, True), (3, False)])
async def test_a_partition_whose_raw_log_ends_before_the_mark_pauses(
    end: int, is_paused: bool, caplog: pytest.LogCaptureFixture
):
    log = MemoryEventLog()
    first = lane_on(log)
    await first.open()
    await first.process([record(0, 1, 2)])
    lane = SinkLane(0, log, FixedProcessedLog(), FixedRawLog(held=range(end)))
    await lane.open()
    progress = await lane.process([record(3, position=77)])
    if is_paused:
        assert progress == Progress(0, seek_to=77, pause_s=10)
        assert "restore events.raw, or make it anew" in caplog.text
    else:
        assert progress == Progress(1)
    assert stored(log) == (lines(0, 1, 2) if is_paused else lines(0, 1, 2, 3))


async def test_a_paused_partition_goes_on_by_itself_once_its_raw_log_is_back():
    log = MemoryEventLog()
    first = lane_on(log)
    await first.open()
    await first.process([record(0, 1, 2)])
    raw_log = FixedRawLog(held=range(1))
    lane = SinkLane(0, log, FixedProcessedLog(), raw_log)
    await lane.open()
    assert (await lane.process([record(3)])).pause_s > 0
    raw_log.held = range(4)
    assert await lane.process([record(3)]) == Progress(1)
    assert stored(log) == lines(0, 1, 2, 3)


async def test_a_raw_topic_that_was_made_anew_may_be_shorter_than_the_old_ones_mark():
    log = MemoryEventLog()
    first = lane_on(log)
    await first.open()
    await first.process([record(0, 1, 2)])
    new = "00000000-0000-0000-0000-00000000000b"
    lane = SinkLane(0, log, FixedProcessedLog(), FixedRawLog(new, range(1)))
    await lane.open()
    assert await lane.process([record(0, topic=new)]) == Progress(1)
