"""A processor's lane: each raw record is decided exactly once, whoever comes between."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.factories import NOW, TOPIC, pulse_event, raw_line, raw_record

from sluice.contract import ndjson, processed
from sluice.contract.errors import Fenced, Retry, Unusable
from sluice.contract.event import Outcome
from sluice.processors.alarm import Alarm, Bound
from sluice.processors.journal import Marker
from sluice.processors.journal_memory import MemoryJournal, MemoryLog
from sluice.processors.lane import COMMIT_BYTES, PAUSE_S, ProcessorLane
from sluice.processors.pack import cut
from sluice.processors.report import Report
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.stream.lane import Progress, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.contract.raw import RawLine
    from sluice.processors.journal import Opened
    from sluice.processors.rules.first_wins import Reads
    from sluice.processors.rules.rulebook import Verdict
    from sluice.processors.state import Entry

RULES = Rulebook(Visitors(b"secret"))


class Broken(Rulebook):
    """Rules that fail on every event of one type."""

    def judge(self, line: RawLine, state: Reads) -> Verdict:
        if b"poison" in bytes(line.event):
            raise ZeroDivisionError("a bug")
        return super().judge(line, state)


BROKEN = Broken(Visitors(b"secret"))


@dataclass
class FixedRawLog:
    """A raw topic of which only id and start are asked."""

    id: str = TOPIC
    start: int = 0
    end: int = 1000

    async def topic_id(self) -> str:
        return self.id

    async def range_of(self, partition: int) -> range:
        return range(self.start, self.end)


@dataclass
class Cluster:
    """What outlives a worker."""

    log: MemoryLog = field(default_factory=MemoryLog)
    raw: FixedRawLog = field(default_factory=FixedRawLog)
    rules: Rulebook = RULES
    bound: Bound = field(default_factory=Bound)
    seconds: float = 1000.0
    said: list[str] = field(default_factory=list)

    def lane(self, journal: MemoryJournal | None = None) -> ProcessorLane:
        return ProcessorLane(
            0,
            journal or MemoryJournal(self.log),
            self.raw,
            lambda: self.rules,
            Alarm(self.bound, lambda: self.seconds),
            Report(lambda: self.seconds, self.said.append),
        )

    @property
    def lines(self) -> list[processed.Processed]:
        return [processed.decode(text) for value in self.log.output.get(0, []) for text in ndjson.split(value)]

    @property
    def decided(self) -> list[int]:
        return [line.source.offset for line in self.lines]

    @property
    def outcomes(self) -> list[Outcome]:
        return [line.outcome for line in self.lines]


def records(first: int, last: int):
    return [raw_record(offset) for offset in range(first, last + 1)]


async def test_records_are_decided_in_order_and_the_marker_follows():
    cluster = Cluster()
    lane = cluster.lane()
    assert await lane.open() == 0
    assert await lane.process(records(0, 4)) == Progress(done=5)
    assert cluster.decided == [0, 1, 2, 3, 4]
    assert cluster.log.markers[0] == Marker(TOPIC, 4)


async def test_a_successor_goes_on_after_the_marker_and_skips_what_it_is_handed_again():
    cluster = Cluster()
    first = cluster.lane()
    await first.open()
    await first.process(records(0, 4))
    second = cluster.lane()
    assert await second.open() == 5
    assert await second.process(records(3, 6)) == Progress(done=4)
    assert cluster.decided == [0, 1, 2, 3, 4, 5, 6]


async def test_a_predecessor_that_wakes_up_is_fenced_and_writes_nothing():
    cluster = Cluster()
    first, second = cluster.lane(), cluster.lane()
    await first.open()
    await second.open()
    with pytest.raises(Fenced):
        await first.process(records(0, 1))
    await second.process(records(0, 1))
    assert cluster.decided == [0, 1]


async def test_a_gap_stops_before_it_and_asks_for_what_is_missing():
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([*records(0, 1), *records(4, 5)]) == Progress(done=2, seek_to=2)
    assert cluster.decided == [0, 1]


async def test_a_first_record_beyond_the_next_one_is_not_decided():
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    assert await lane.process(records(3, 4)) == Progress(done=0, seek_to=0)
    assert cluster.decided == []


async def test_only_old_records_need_no_transaction():
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    await lane.process(records(0, 2))
    cluster.log.epochs[0] += 1  # from here on a commit would be fenced
    assert await lane.process(records(0, 2)) == Progress(done=3)


async def test_a_topic_that_was_made_anew_starts_anew(caplog: pytest.LogCaptureFixture):
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    await lane.process(records(0, 9))
    cluster.raw.id = "another"
    successor = cluster.lane()
    assert await successor.open() == 0
    assert "made anew" in caplog.text
    await successor.process(records(0, 0))
    assert cluster.log.markers[0] == Marker("another", 0)


async def test_records_that_retention_removed_undecided_are_reported_and_work_goes_on(
    caplog: pytest.LogCaptureFixture,
):
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    await lane.process(records(0, 1))
    cluster.raw.start = 10
    assert await cluster.lane().open() == 10
    assert "raw records 2 to 9 are lost" in caplog.text


async def test_without_a_marker_work_starts_at_the_logs_start():
    assert await Cluster(raw=FixedRawLog(start=7)).lane().open() == 7


async def decided_up_to_9() -> Cluster:
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    await lane.process(records(0, 9))
    return cluster


async def test_a_raw_log_that_was_cut_back_pauses_its_partition_since_its_offsets_would_be_used_twice(
    caplog: pytest.LogCaptureFixture,
):
    cluster = await decided_up_to_9()
    cluster.raw.end = 10
    assert await cluster.lane().open() == 10
    cluster.raw.end = 9
    lane = cluster.lane()
    assert await lane.open() is None
    assert await lane.process(records(7, 8)) == Progress(done=0, seek_to=7, pause_s=PAUSE_S)
    assert cluster.decided == list(range(10))
    assert "paused at offset 9: it is decided up to 9, but its raw log ends at 8" in caplog.text
    assert cluster.said == ["partition 0 is paused: the raw log was cut back, see the log"] * 2


async def test_a_raw_log_that_was_restored_goes_on_by_itself():
    cluster = await decided_up_to_9()
    cluster.raw.end = 9
    lane = cluster.lane()
    await lane.open()
    await lane.process(records(7, 8))
    cluster.raw.end = 12
    assert await lane.process(records(7, 10)) == Progress(done=4)
    assert cluster.decided == list(range(11))
    assert cluster.said[-2:] == ["partition 0 goes on", ""]
    opened = cluster.log.epochs[0]
    await lane.process(records(11, 11))
    assert cluster.log.epochs[0] == opened


async def test_a_raw_log_that_was_made_anew_after_it_was_cut_back_starts_anew():
    cluster = await decided_up_to_9()
    cluster.raw.end = 9
    lane = cluster.lane()
    await lane.open()
    cluster.raw.id = "another"
    assert await lane.process(records(0, 1)) == Progress(done=2)
    assert cluster.log.markers[0] == Marker("another", 1)


def sized(*sizes: int) -> list[Record]:
    return [Record(0, offset, NOW, b"?" * size) for offset, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        pytest.param([], [], id="none"),
        pytest.param([10], [[0]], id="as large as a batch may be"),
        pytest.param([11], [[0]], id="one that is larger"),
        pytest.param([5, 5], [[0, 1]], id="two that fill a batch"),
        pytest.param([5, 6], [[0], [1]], id="one byte too many"),
        pytest.param([1, 11, 1, 1], [[0], [1], [2, 3]], id="a larger one in between"),
        pytest.param([0, 0, 10, 0], [[0, 1, 2, 3]], id="empty ones"),
    ],
)
def test_records_are_cut_by_their_bytes_and_a_larger_one_stands_alone(sizes: list[int], batches: list[list[int]]):
    found = cut(sized(*sizes), lambda record: len(record.value), 10)
    assert [[record.offset for record in batch] for batch in found] == batches


@dataclass
class Counting(MemoryJournal):
    """A journal that notes up to where each commit goes."""

    log: MemoryLog
    offsets: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.log)

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        self.offsets.append(marker.offset)
        await super().commit(partition, output, changes, marker)


async def test_large_records_are_decided_in_transactions_that_each_stay_small():
    cluster = Cluster()
    journal = Counting(cluster.log)
    lane = cluster.lane(journal)
    await lane.open()
    assert await lane.process(sized(*[COMMIT_BYTES // 3] * 7)) == Progress(done=7)
    assert journal.offsets == [2, 5, 6]
    assert cluster.decided == [0, 1, 2, 3, 4, 5, 6]


async def test_what_was_committed_of_large_records_is_done_where_a_later_one_pauses():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    batch = [*sized(COMMIT_BYTES, COMMIT_BYTES), good(2), poison(3), good(4)]
    assert await lane.process(batch) == Progress(done=3, seek_to=3, pause_s=PAUSE_S)
    assert cluster.decided == [0, 1, 2]


async def test_a_gap_after_large_records_is_found_too():
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([*sized(COMMIT_BYTES, COMMIT_BYTES), good(3)]) == Progress(done=2, seek_to=2)


def good(offset: int) -> Record:
    return raw_record(offset)


def poison(offset: int, events: int = 1) -> Record:
    event = pulse_event(event_type="poison")
    return raw_record(offset, *(raw_line(event, number=1000 * offset + line) for line in range(events)))


STORED, INVALID = Outcome.STORED, Outcome.INVALID


async def test_what_is_no_ndjson_is_rejected_with_its_bytes_and_the_stream_goes_on():
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    strange = Record(0, 1, NOW, b"\xff\x00 no line of ours")
    assert await lane.process([good(0), strange, good(2)]) == Progress(done=3)
    assert cluster.outcomes == [STORED, INVALID, STORED]
    assert cluster.lines[1].payload_bytes() == strange.value


async def test_what_is_no_ndjson_is_no_rules_fault_and_pauses_nothing():
    cluster = Cluster(bound=Bound(percent=0, events=1))
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([Record(0, offset, NOW, b"?") for offset in range(100)]) == Progress(done=100)


async def test_an_event_on_which_a_rule_fails_is_rejected_replayable_and_the_stream_goes_on():
    cluster = Cluster(rules=BROKEN)
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([good(0), poison(1), good(2)]) == Progress(done=3)
    assert cluster.outcomes == [STORED, INVALID, STORED]
    rejected = cluster.lines[1]
    assert rejected.raw_line
    assert "ZeroDivisionError: a bug" in rejected.reason


async def test_where_rules_fail_too_often_the_good_records_before_are_decided_and_nothing_after(
    caplog: pytest.LogCaptureFixture,
):
    cluster = Cluster(rules=BROKEN, bound=Bound(events=3))
    lane = cluster.lane()
    await lane.open()
    batch = [good(0), good(1), poison(2, events=3), good(3)]
    assert await lane.process(batch) == Progress(done=2, seek_to=2, pause_s=PAUSE_S)
    assert cluster.decided == [0, 1]
    assert cluster.log.markers[0] == Marker(TOPIC, 1)
    assert "partition 0 is paused at offset 2: rules failed on 3 of a minute's 6 events" in caplog.text
    assert f"event {UUID(int=2000)}: 'a rule failed on this event: ZeroDivisionError: a bug'" in caplog.text
    assert cluster.said == ["partition 0 is paused: rules fail on too many events, see the log"]


async def test_a_pause_counts_what_was_decided_before_as_done():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    await lane.process([good(0), good(1)])
    assert await lane.process([good(0), good(1), good(2), poison(3)]) == Progress(3, seek_to=3, pause_s=PAUSE_S)


async def test_a_pause_names_the_event_that_rules_failed_on_and_not_one_that_nobody_can_read(
    caplog: pytest.LogCaptureFixture,
):
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    await lane.process([Record(0, 0, NOW, b"?\n" + poison(7).value)])
    assert f"event {UUID(int=7000)}:" in caplog.text


async def test_a_partition_that_begins_with_what_rules_fail_on_decides_nothing():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([poison(0), good(1)]) == Progress(done=0, seek_to=0, pause_s=PAUSE_S)
    assert cluster.log.output == {}
    assert cluster.log.markers == {}


async def test_what_failing_rules_had_remembered_is_not_committed_with_the_good_records():
    order = {"event_type": "confirmation", "properties": {"orderId": "7"}}
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    confirmation = raw_line(pulse_event(**order), key="demo/order/7")
    await lane.process([good(0), raw_record(1, *(raw_line(pulse_event(event_type="poison")), confirmation))])
    assert cluster.log.states[0].entries == {}


async def test_a_paused_partition_goes_on_by_itself_once_the_rules_are_mended(caplog: pytest.LogCaptureFixture):
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    await lane.process([good(0), poison(1), good(2)])
    cluster.rules = RULES
    assert await lane.process([poison(1), good(2)]) == Progress(done=2)
    assert cluster.outcomes == [STORED] * 3
    assert "partition 0 goes on" in caplog.text
    assert cluster.said[1:] == ["partition 0 goes on", ""]


async def test_who_gives_a_paused_partition_up_says_no_more_of_it():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    await lane.process([poison(0)])
    await lane.close()
    assert cluster.said[1:] == [""]


async def test_a_paused_partition_stays_paused_as_long_as_rules_fail():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=3))
    lane = cluster.lane()
    await lane.open()
    await lane.process([poison(0, events=2)])
    for _ in range(20):
        cluster.seconds += PAUSE_S
        assert (await lane.process([poison(1)])).pause_s == PAUSE_S
    assert cluster.decided == [0, 0]


async def test_a_worker_that_may_reject_takes_a_paused_partition_on():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane()
    await lane.open()
    await lane.process([poison(0, events=50)])
    cluster.bound = Bound(percent=100)
    successor = cluster.lane()
    await successor.open()
    assert await successor.process([poison(0, events=50)]) == Progress(done=1)
    assert cluster.outcomes == [INVALID] * 50


@dataclass
class BreakingOff(MemoryJournal):
    """A journal whose first commits break off."""

    log: MemoryLog
    times: int
    error: Exception = field(default_factory=lambda: Retry("broke off"))
    opened: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.log)

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        if self.times:
            self.times -= 1
            raise self.error
        await super().commit(partition, output, changes, marker)

    async def open(self, partition: int) -> Opened:
        self.opened += 1
        return await super().open(partition)


async def test_a_batch_that_is_tried_again_counts_once():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=4))
    lane = cluster.lane(BreakingOff(cluster.log, times=5))
    await lane.open()
    batch = [poison(0, events=3)]
    for _ in range(5):
        with pytest.raises(Retry):
            await lane.process(batch)
        await lane.open()
    assert await lane.process(batch) == Progress(done=1)
    assert (await lane.process([poison(1)])).pause_s == PAUSE_S


async def test_a_good_part_that_breaks_off_is_tried_again():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane(BreakingOff(cluster.log, times=1))
    await lane.open()
    batch = [good(0), poison(1)]
    with pytest.raises(Retry):
        await lane.process(batch)
    assert cluster.said == []
    await lane.open()
    assert await lane.process(batch) == Progress(done=1, seek_to=1, pause_s=PAUSE_S)


async def test_a_partition_whose_decisions_kafka_refuses_pauses_and_is_opened_again(caplog: pytest.LogCaptureFixture):
    cluster = Cluster()
    journal = BreakingOff(cluster.log, times=2, error=Unusable("it is too large: raise max.message.bytes"))
    lane = cluster.lane(journal)
    await lane.open()
    for attempts in (1, 2):
        assert await lane.process([good(0), good(1)]) == Progress(0, seek_to=0, pause_s=PAUSE_S)
        assert journal.opened == attempts
    assert "paused at offset 0: it is too large: raise max.message.bytes." in caplog.text
    assert cluster.said == ["partition 0 is paused: Kafka refuses what was decided, see the log"] * 2
    assert await lane.process([good(0), good(1)]) == Progress(done=2)
    assert cluster.decided == [0, 1]


async def test_a_good_part_that_kafka_refuses_pauses_the_partition_before_it():
    cluster = Cluster(rules=BROKEN, bound=Bound(events=1))
    lane = cluster.lane(BreakingOff(cluster.log, times=1, error=Unusable("it is too large")))
    await lane.open()
    assert await lane.process([good(0), poison(1)]) == Progress(0, seek_to=0, pause_s=PAUSE_S)
    assert cluster.said == ["partition 0 is paused: Kafka refuses what was decided, see the log"]
    assert await lane.process([good(0), poison(1)]) == Progress(1, seek_to=1, pause_s=PAUSE_S)
    assert cluster.decided == [0]


async def test_what_is_rejected_is_told_by_kind_once_a_minute(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    cluster = Cluster(rules=BROKEN)
    lane = cluster.lane()
    await lane.open()
    await lane.process([good(0), poison(1), Record(0, 2, NOW, b"?")])
    told = "rejected: 1 invalid (a rule failed on this event), 1 invalid (not a raw line)"
    assert [record.message for record in caplog.records] == [told]


class FromNewerVersion(Rulebook):
    """Rules for which the state of the `strange` events' key was written by a newer version."""

    def judge(self, line: RawLine, state: Reads) -> Verdict:
        if b"strange" in bytes(line.event):
            raise Unusable("the state was written by a newer version: run that version")
        return super().judge(line, state)


NEWER = FromNewerVersion(Visitors(b"secret"))


def strange(offset: int) -> Record:
    return raw_record(offset, raw_line(pulse_event(event_type="strange"), number=offset))


async def test_where_the_state_cannot_be_used_the_records_before_are_decided_and_the_partition_pauses(
    caplog: pytest.LogCaptureFixture,
):
    cluster = Cluster(rules=NEWER)
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([good(0), good(1), strange(2), good(3)]) == Progress(2, seek_to=2, pause_s=PAUSE_S)
    assert await lane.process([strange(2), good(3)]) == Progress(0, seek_to=2, pause_s=PAUSE_S)
    assert cluster.decided == [0, 1]
    assert "paused at offset 2: the state was written by a newer version: run that version." in caplog.text
    assert cluster.said == ["partition 0 is paused: this version cannot use the state, see the log"] * 2


async def test_what_a_record_whose_state_cannot_be_used_had_remembered_is_not_committed():
    order = {"event_type": "confirmation", "properties": {"orderId": "7"}}
    cluster = Cluster(rules=NEWER)
    lane = cluster.lane()
    await lane.open()
    confirmation = raw_line(pulse_event(**order), key="demo/order/7")
    await lane.process([good(0), raw_record(1, confirmation, raw_line(pulse_event(event_type="strange")))])
    assert cluster.decided == [0]
    assert cluster.log.states[0].entries == {}


async def test_a_rule_that_fails_before_state_that_cannot_be_used_costs_its_event_only():
    class Both(FromNewerVersion, Broken):
        pass

    cluster = Cluster(rules=Both(Visitors(b"secret")))
    lane = cluster.lane()
    await lane.open()
    assert await lane.process([good(0), poison(1), strange(2)]) == Progress(2, seek_to=2, pause_s=PAUSE_S)
    assert cluster.outcomes == [STORED, INVALID]


async def test_a_successor_that_can_use_the_state_goes_on():
    cluster = Cluster(rules=NEWER)
    lane = cluster.lane()
    await lane.open()
    await lane.process([good(0), strange(1)])
    cluster.rules = RULES
    successor = cluster.lane()
    assert await successor.open() == 1
    assert await successor.process([strange(1)]) == Progress(done=1)
