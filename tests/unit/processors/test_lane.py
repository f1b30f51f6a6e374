"""A processor's lane: each raw record is decided exactly once, whoever comes between."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tests.factories import TOPIC, raw_record

from sluice.contract import ndjson, processed
from sluice.contract.errors import Fenced, Unusable
from sluice.processors.journal import Marker
from sluice.processors.journal_memory import MemoryJournal, MemoryLog
from sluice.processors.lane import ProcessorLane
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.stream.lane import Progress

RULES = Rulebook(Visitors(b"secret"))


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

    def lane(self) -> ProcessorLane:
        return ProcessorLane(0, MemoryJournal(self.log), self.raw, lambda: RULES)

    @property
    def decided(self) -> list[int]:
        texts = [text for value in self.log.output.get(0, []) for text in ndjson.split(value)]
        return [processed.decode(text).source.offset for text in texts]


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


async def test_a_raw_log_that_was_cut_back_is_refused_since_its_offsets_would_be_used_twice():
    cluster = Cluster()
    lane = cluster.lane()
    await lane.open()
    await lane.process(records(0, 9))
    cluster.raw.end = 10
    assert await cluster.lane().open() == 10
    cluster.raw.end = 9
    with pytest.raises(Unusable, match="is decided up to 9, its raw log ends at 8"):
        await cluster.lane().open()
