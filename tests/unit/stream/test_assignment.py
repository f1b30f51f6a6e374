"""Owning partitions: what is delivered is handled once, in order, through retries, gaps and rebalances."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Fenced, Retry
from sluice.stream.assignment import SEEK_AGAIN_S, Assignment
from sluice.stream.lane import Progress, Record
from sluice.stream.owned import RETRY_LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass
class Delivered:
    record: Record
    acked: list[tuple[int, int]]

    def ack(self) -> None:
        self.acked.append((self.record.partition, self.record.offset))


@dataclass
class ScriptedLane:
    """A lane that does what its script says, one step for each call, and then everything it is asked to."""

    script: list[Exception | Progress | Callable[[], None]] = field(default_factory=list)
    opening: list[Exception] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    handled: list[int] = field(default_factory=list)
    next_offset: int | None = None
    proceed: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    blocking: bool = False
    opens_slowly: bool = False

    async def open(self) -> int | None:
        self.calls.append("open")
        if self.opens_slowly:
            await self.proceed.wait()
        if self.opening:
            raise self.opening.pop(0)
        return self.next_offset

    async def process(self, records: Sequence[Record]) -> Progress:
        self.calls.append(f"process {[record.offset for record in records]}")
        self.started.set()
        if self.blocking:
            await self.proceed.wait()
        step = self.script.pop(0) if self.script else Progress(len(records))
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, Progress)
        self.handled += [record.offset for record in records[: step.done]]
        return step

    async def close(self) -> None:
        self.calls.append("close")


class Worker:
    def __init__(self, *lanes: ScriptedLane) -> None:
        self.lanes = lanes or (ScriptedLane(),)
        self.acked: list[tuple[int, int]] = []
        self.sought: list[tuple[int, int]] = []
        self.refusals: list[Exception] = []
        self.positions: dict[int, int] = {}
        self.paused: set[int] = set()
        self.failures: list[Exception] = []
        self.fetching: list[str] = []
        self.waits: list[float] = []
        self.is_member = True
        self.sleeps_for_ever = False
        self.heeds_seeks = False
        self.woken = asyncio.Event()
        self.assignment = Assignment(
            lambda partition: self.lanes[partition], self, lambda: self.is_member, self._sleep, self._guard
        )

    async def seek(self, partition: int, offset: int) -> None:
        self.sought.append((partition, offset))
        if self.refusals:
            raise self.refusals.pop(0)
        self.positions[partition] = offset

    def pause(self, partition: int) -> None:
        self.fetching.append(f"pause {partition}")
        self.paused.add(partition)

    def resume(self, partition: int) -> None:
        self.fetching.append(f"resume {partition}")
        self.paused.discard(partition)

    @contextmanager
    def _guard(self, _: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.failures.append(error)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.heeds_seeks and seconds == SEEK_AGAIN_S:
            await asyncio.Event().wait()
        if self.sleeps_for_ever:
            await self.woken.wait()
        await asyncio.sleep(0)

    def deliver(self, *coordinates: tuple[int, int]):
        records = [Record(partition, offset, 0, b"") for partition, offset in coordinates]
        return self.assignment.process([Delivered(record, self.acked) for record in records])

    @property
    def rests(self) -> list[float]:
        """The waits but those for a seek to be heeded."""
        return [wait for wait in self.waits if wait != SEEK_AGAIN_S]

    async def poll(self, *partitions: int, end: int) -> None:
        """Deliver two records of each partition that is fetched, from where it stands, none from `end` on."""
        self.heeds_seeks = True
        due = []
        for partition in partitions:
            if partition not in self.paused:
                position = self.positions.get(partition, 0)
                due += [(partition, offset) for offset in range(position, min(position + 2, end))]
                self.positions[partition] = min(position + 2, end)
        await self.deliver(*due)
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)


async def test_what_is_handled_is_acknowledged_in_order():
    worker = Worker()
    await worker.assignment.assign([0])
    await worker.deliver((0, 5), (0, 6), (0, 7))
    assert worker.acked == [(0, 5), (0, 6), (0, 7)]
    assert worker.lanes[0].calls == ["open", "process [5, 6, 7]"]


async def test_partitions_do_not_mix():
    worker = Worker(ScriptedLane(), ScriptedLane())
    await worker.assignment.assign([0, 1])
    await worker.deliver((0, 5), (1, 9), (0, 6))
    assert worker.lanes[0].calls[1:] == ["process [5, 6]"]
    assert worker.lanes[1].calls[1:] == ["process [9]"]


async def test_what_belongs_to_a_partition_not_owned_is_dropped_unacknowledged():
    worker = Worker()
    await worker.deliver((0, 5))
    assert worker.acked == []
    assert worker.lanes[0].calls == []


async def test_after_a_retry_the_lane_is_opened_again_and_gets_the_same_records():
    worker = Worker(ScriptedLane([Retry("away"), Retry("away")]))
    await worker.assignment.assign([0])
    async with asyncio.timeout(10):
        while len(worker.acked) < 6:
            await worker.poll(0, end=6)
    tries = ["process [0, 1]", "open"] * 2
    assert worker.lanes[0].calls == ["open", *tries, "process [0, 1]", "process [2, 3]", "process [4, 5]"]
    assert worker.acked == [(0, offset) for offset in range(6)]


async def test_a_partition_that_retries_for_ever_holds_no_other_up():
    worker = Worker(ScriptedLane([Retry("away")] * 100_000), ScriptedLane())
    await worker.assignment.assign([0, 1])
    async with asyncio.timeout(10):
        while len(worker.acked) < 50 or len(worker.lanes[0].calls) < 10:
            await worker.poll(0, 1, end=50)
    assert worker.lanes[1].handled == list(range(50))
    assert set(worker.lanes[0].calls) == {"open", "process [0, 1]"}


async def test_a_retry_leaves_the_partition_alone_for_a_while():
    worker = Worker(ScriptedLane([Retry("away")]))
    await worker.assignment.assign([0])
    worker.sleeps_for_ever = True
    await worker.deliver((0, 5), (0, 6))
    await worker.deliver((0, 7))
    assert worker.lanes[0].calls == ["open", "process [5, 6]"]
    assert worker.paused == {0}
    assert worker.sought == []
    worker.woken.set()
    await until(lambda: worker.sought != [])
    assert worker.paused == set()
    assert worker.sought[0] == (0, 5)


async def test_what_comes_while_a_partition_rests_takes_up_no_memory():
    worker = Worker(ScriptedLane([Retry("away")]))
    await worker.assignment.assign([0])
    worker.sleeps_for_ever = True
    await worker.deliver((0, 5))
    delivered = []
    for offset in range(6, 106):
        delivery = Delivered(Record(0, offset, 0, b""), worker.acked)
        delivered.append(weakref.ref(delivery))
        await worker.assignment.process([delivery])
    del delivery
    assert [held for held in delivered if held() is not None] == []
    await asyncio.sleep(0)
    assert worker.waits == [0.2]
    assert worker.lanes[0].calls == ["open", "process [5]"]


async def test_a_partition_that_is_revoked_while_it_rests_is_closed_and_not_sought():
    worker = Worker(ScriptedLane([Retry("away")]))
    await worker.assignment.assign([0])
    worker.sleeps_for_ever = True
    await worker.deliver((0, 5))
    await worker.assignment.revoke([0])
    worker.woken.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert worker.lanes[0].calls == ["open", "process [5]", "close"]
    assert worker.sought == []
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    assert worker.acked == [(0, 5)]


async def test_being_fenced_while_a_lane_is_opened_again_is_fatal():
    worker = Worker(ScriptedLane([Retry("away")]))
    await worker.assignment.assign([0])
    worker.lanes[0].opening = [Fenced("taken")]
    await worker.deliver((0, 5))
    await until(lambda: worker.failures != [])
    assert isinstance(worker.failures[0], Fenced)


async def test_without_heartbeats_nothing_is_handled_until_there_are_some_again():
    worker = Worker()
    await worker.assignment.assign([0])
    worker.is_member = False
    delivery = asyncio.create_task(worker.deliver((0, 5)))
    await until(lambda: len(worker.waits) > 3)
    assert worker.lanes[0].calls == ["open"]
    worker.is_member = True
    await delivery
    assert worker.lanes[0].calls == ["open", "process [5]"]
    assert worker.acked == [(0, 5)]


async def test_without_heartbeats_no_lane_is_opened():
    worker = Worker()
    worker.is_member = False
    opening = asyncio.create_task(worker.assignment.assign([0]))
    await until(lambda: len(worker.waits) > 3)
    assert worker.lanes[0].calls == []
    worker.is_member = True
    await opening
    assert worker.lanes[0].calls == ["open"]


async def test_without_heartbeats_nothing_is_tried_again():
    worker = Worker(ScriptedLane([Retry("away")]))
    await worker.assignment.assign([0])
    worker.sleeps_for_ever = True
    await worker.deliver((0, 5))
    worker.is_member = False
    worker.woken.set()
    await until(lambda: len(worker.waits) > 3)
    assert worker.lanes[0].calls == ["open", "process [5]"]
    worker.is_member = True
    await until(lambda: worker.sought != [])
    await worker.deliver((0, 5))
    assert worker.lanes[0].calls == ["open", "process [5]", "open", "process [5]"]


async def test_who_lost_the_partition_while_it_stood_still_does_not_open_it_again():
    worker = Worker(ScriptedLane([Retry("the transaction took too long")]))
    await worker.assignment.assign([0])
    worker.sleeps_for_ever = True
    await worker.deliver((0, 5))
    worker.is_member = False
    worker.woken.set()
    await until(lambda: len(worker.waits) > 3)
    await worker.assignment.revoke([0])
    worker.is_member = True
    for _ in range(10):
        await asyncio.sleep(0)
    assert worker.lanes[0].calls == ["open", "process [5]", "close"]


async def test_who_lost_the_group_while_it_waited_for_its_turn_handles_nothing():
    lane = ScriptedLane(blocking=True)
    worker = Worker(lane)
    await worker.assignment.assign([0])
    first = asyncio.create_task(worker.deliver((0, 5)))
    await lane.started.wait()
    second = asyncio.create_task(worker.deliver((0, 6)))
    for _ in range(10):
        await asyncio.sleep(0)
    worker.is_member = False
    lane.proceed.set()
    await first
    await until(lambda: len(worker.waits) > 3)
    assert lane.calls == ["open", "process [5]"]
    worker.is_member = True
    await second
    assert lane.calls == ["open", "process [5]", "process [6]"]


async def test_what_waits_for_heartbeats_is_dropped_with_the_partition():
    worker = Worker()
    await worker.assignment.assign([0])
    worker.is_member = False
    delivery = asyncio.create_task(worker.deliver((0, 5)))
    await until(lambda: len(worker.waits) > 3)
    await worker.assignment.revoke([0])
    await delivery
    assert worker.lanes[0].calls == ["open", "close"]
    assert worker.acked == []


async def test_the_wait_between_retries_doubles_up_to_a_limit():
    worker = Worker(ScriptedLane([Retry("away")] * 9))
    await worker.assignment.assign([0])
    async with asyncio.timeout(10):
        while not worker.acked:
            await worker.poll(0, end=1)
    assert worker.rests[:3] == [0.2, 0.4, 0.8]
    assert worker.rests[-2:] == [RETRY_LONGEST_S] * 2


async def test_after_a_success_the_waits_begin_anew():
    worker = Worker(ScriptedLane([Retry("away"), Retry("away"), Progress(2), Retry("away")]))
    await worker.assignment.assign([0])
    async with asyncio.timeout(10):
        while len(worker.acked) < 4:
            await worker.poll(0, end=4)
    assert worker.rests == [0.2, 0.4, 0.2]


async def test_opening_is_retried_too_with_waits_that_double():
    worker = Worker(ScriptedLane(opening=[Retry("away")] * 3))
    await worker.assignment.assign([0])
    await until(lambda: len(worker.lanes[0].calls) == 4)
    assert worker.lanes[0].calls == ["open"] * 4
    assert worker.rests == [0.2, 0.4, 0.8]


async def test_a_lane_that_opened_late_gets_what_comes_then():
    worker = Worker(ScriptedLane(opening=[Retry("away")]))
    await worker.assignment.assign([0])
    await until(lambda: len(worker.lanes[0].calls) == 2)
    await asyncio.sleep(0)
    await worker.deliver((0, 5))
    assert worker.acked == [(0, 5)]
    assert worker.sought == []
    assert worker.fetching == []


async def test_a_partition_that_cannot_be_opened_holds_no_other_up():
    worker = Worker(ScriptedLane(opening=[Retry("away")] * 100_000), ScriptedLane(next_offset=0))
    assert await worker.assignment.assign([0, 1]) == {1: 0}
    async with asyncio.timeout(10):
        while len(worker.acked) < 50:
            await worker.poll(0, 1, end=50)
    assert worker.lanes[1].handled == list(range(50))
    worker.lanes[0].opening.clear()
    async with asyncio.timeout(10):
        while len(worker.acked) < 100:
            await worker.poll(0, 1, end=50)
    assert worker.lanes[0].handled == list(range(50))


async def test_a_partition_that_is_long_in_opening_holds_no_other_up():
    slow = ScriptedLane(opens_slowly=True, next_offset=0)
    worker = Worker(slow, ScriptedLane())
    opening = asyncio.create_task(worker.assignment.assign([0, 1]))
    async with asyncio.timeout(10):
        while len(worker.acked) < 50:
            await worker.poll(0, 1, end=50)
    assert slow.calls == ["open"]
    slow.proceed.set()
    assert await opening == {}
    async with asyncio.timeout(10):
        while len(worker.acked) < 100:
            await worker.poll(0, 1, end=50)
    assert slow.handled == list(range(50))


@pytest.mark.parametrize(("next_offset", "sought"), [(None, 5), (4, 4), (5, 5), (6, 5)])
async def test_what_was_turned_away_while_a_lane_opened_is_sought_and_what_the_lane_lacks_too(
    next_offset: int | None, sought: int
):
    lane = ScriptedLane(opens_slowly=True, next_offset=next_offset)
    worker = Worker(lane)
    opening = asyncio.create_task(worker.assignment.assign([0]))
    await until(lambda: lane.calls == ["open"])
    await worker.deliver((0, 7), (0, 8))
    await worker.deliver((0, 5))
    await worker.deliver((0, 9))
    lane.proceed.set()
    await opening
    await until(lambda: worker.sought != [])
    assert worker.sought[0] == (0, sought)


async def test_what_a_lane_lacks_that_opened_late_is_sought_too():
    worker = Worker(ScriptedLane(opening=[Retry("away")], next_offset=4))
    worker.sleeps_for_ever = True
    assert await worker.assignment.assign([0]) == {}
    await worker.deliver((0, 7))
    worker.woken.set()
    await until(lambda: worker.sought != [])
    assert worker.sought[0] == (0, 4)


@pytest.mark.parametrize("came", [[], [(0, 5)]], ids=["nothing came", "something came"])
async def test_a_lane_that_is_revoked_while_it_opens_is_closed_and_nothing_is_sought(
    came: list[tuple[int, int]],
):
    lane = ScriptedLane(opens_slowly=True, next_offset=3)
    worker = Worker(lane)
    opening = asyncio.create_task(worker.assignment.assign([0]))
    await until(lambda: lane.calls == ["open"])
    await worker.deliver(*came)
    revocation = asyncio.create_task(worker.assignment.revoke([0]))
    await asyncio.sleep(0)
    lane.proceed.set()
    await asyncio.gather(opening, revocation)
    for _ in range(10):
        await asyncio.sleep(0)
    assert opening.result() == {}
    assert lane.calls == ["open", "close"]
    assert worker.sought == []


@pytest.mark.parametrize("step", [Progress(done=0, seek_to=5), Progress(0, seek_to=5, pause_s=30.0), Retry("away")])
async def test_a_seek_that_the_consumer_refuses_is_repeated(step: Progress | Retry):
    worker = Worker(ScriptedLane([step]))
    worker.refusals = [RuntimeError("not assigned"), RuntimeError("not assigned")]
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    await until(lambda: worker.positions == {0: 5})
    await worker.deliver((0, 5))
    assert worker.acked == [(0, 5)]
    assert worker.failures == []


async def test_the_offsets_to_go_on_at_are_told_where_they_are_known():
    worker = Worker(ScriptedLane(next_offset=7), ScriptedLane())
    assert await worker.assignment.assign([0, 1]) == {0: 7}


async def test_a_gap_acknowledges_what_was_before_it_and_seeks():
    worker = Worker(ScriptedLane([Progress(done=1, seek_to=6)]))
    await worker.assignment.assign([0])
    await worker.deliver((0, 5), (0, 9))
    assert worker.acked == [(0, 5)]
    assert worker.sought[0] == (0, 6)


async def test_after_a_seek_what_was_fetched_before_is_left_alone_until_the_wanted_record_comes():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=6)]))
    worker.sleeps_for_ever = True
    await worker.assignment.assign([0])
    await worker.deliver((0, 9))
    await worker.deliver((0, 10), (0, 11))
    assert worker.lanes[0].calls == ["open", "process [9]"]
    await worker.deliver((0, 6), (0, 7))
    assert worker.lanes[0].calls == ["open", "process [9]", "process [6, 7]"]
    assert worker.sought == [(0, 6)]


async def test_a_seek_that_faust_did_not_heed_is_repeated():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=6)]))
    await worker.assignment.assign([0])
    await worker.deliver((0, 9))
    async with asyncio.timeout(10):
        while len(worker.sought) < 3:
            await asyncio.sleep(0)
    await worker.deliver((0, 6))
    assert set(worker.sought) == {(0, 6)}


async def test_where_the_wanted_record_never_comes_the_lane_is_opened_again():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=6)]))
    await worker.assignment.assign([0])
    await worker.deliver((0, 9))
    async with asyncio.timeout(10):
        while len(worker.sought) < 11:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    await worker.deliver((0, 9))
    assert worker.lanes[0].calls == ["open", "process [9]", "open", "process [9]"]


async def test_a_seek_ends_with_the_partitions_ownership():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=6)]))
    await worker.assignment.assign([0])
    await worker.deliver((0, 9))
    await worker.assignment.revoke([0])
    await worker.assignment.assign([0])
    await worker.deliver((0, 9))
    assert worker.acked == [(0, 9)]


async def test_a_paused_partition_is_left_alone_and_then_delivered_again_from_where_it_stood():
    worker = Worker(ScriptedLane([Progress(done=1, seek_to=6, pause_s=30.0)]))
    worker.sleeps_for_ever = True
    await worker.assignment.assign([0])
    await worker.deliver((0, 5), (0, 6))
    await worker.deliver((0, 6), (0, 7))
    assert worker.acked == [(0, 5)]
    assert worker.lanes[0].calls == ["open", "process [5, 6]"]
    assert worker.sought == []
    assert set(worker.fetching) == {"pause 0"}
    assert worker.waits == [30.0]
    worker.woken.set()
    async with asyncio.timeout(10):
        while not worker.sought:
            await asyncio.sleep(0)
    assert worker.fetching[-1] == "resume 0"
    assert worker.sought[0] == (0, 6)
    await worker.deliver((0, 6), (0, 7))
    assert worker.acked == [(0, 5), (0, 6), (0, 7)]


async def test_while_a_partition_is_paused_the_others_go_on():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=5, pause_s=30.0)]), ScriptedLane())
    worker.sleeps_for_ever = True
    await worker.assignment.assign([0, 1])
    await worker.deliver((0, 5), (1, 8))
    await worker.deliver((0, 6), (1, 9))
    assert worker.acked == [(1, 8), (1, 9)]


async def test_a_pause_that_was_forgotten_is_asked_for_again():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=5, pause_s=30.0)]))
    worker.sleeps_for_ever = True
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    await worker.deliver((0, 6))
    assert worker.fetching == ["pause 0", "pause 0"]


async def test_a_pause_ends_with_the_partitions_ownership():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=5, pause_s=30.0)]))
    worker.sleeps_for_ever = True
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    await worker.assignment.revoke([0])
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    assert worker.acked == [(0, 5)]
    worker.woken.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert worker.fetching == ["pause 0"]
    assert worker.sought == []


async def test_a_partition_that_pauses_again_is_not_sought_for_the_pause_before():
    worker = Worker(ScriptedLane([Progress(done=0, seek_to=5, pause_s=30.0)] * 2))
    ends = [asyncio.Event() for _ in range(3)]  # of the first pause, the wait after its seek, and the second pause

    async def sleep(seconds: float) -> None:
        worker.waits.append(seconds)
        await ends[len(worker.waits) - 1].wait()

    worker.assignment = Assignment(lambda _: worker.lanes[0], worker, lambda: True, sleep)
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    ends[0].set()
    async with asyncio.timeout(10):
        while len(worker.waits) < 2:
            await asyncio.sleep(0)
    await worker.deliver((0, 5))
    ends[1].set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert worker.waits == [30.0, 1.0, 30.0]
    assert worker.sought == [(0, 5)]


async def test_a_gap_that_was_found_after_the_partition_was_given_up_is_the_next_owners():
    lane = ScriptedLane([Progress(done=0, seek_to=3)], blocking=True)
    worker = Worker(lane)
    await worker.assignment.assign([0])
    delivery = asyncio.create_task(worker.deliver((0, 5)))
    await lane.started.wait()
    revocation = asyncio.create_task(worker.assignment.revoke([0]))
    await asyncio.sleep(0)
    lane.proceed.set()
    await asyncio.gather(delivery, revocation)
    assert worker.sought == []
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    assert worker.acked == [(0, 5)]


async def test_being_fenced_while_owning_is_fatal():
    worker = Worker(ScriptedLane([Fenced("taken")]))
    await worker.assignment.assign([0])
    with pytest.raises(Fenced):
        await worker.deliver((0, 5))
    assert worker.acked == []


async def test_a_revoked_partition_finishes_the_batch_in_hand_before_it_is_closed():
    lane = ScriptedLane(blocking=True)
    worker = Worker(lane)
    await worker.assignment.assign([0])
    delivery = asyncio.create_task(worker.deliver((0, 5)))
    await lane.started.wait()
    revocation = asyncio.create_task(worker.assignment.revoke([0]))
    await asyncio.sleep(0)
    assert "close" not in lane.calls
    lane.proceed.set()
    await asyncio.gather(delivery, revocation)
    assert lane.calls == ["open", "process [5]", "close"]
    assert worker.acked == [(0, 5)]


async def test_being_fenced_after_the_partition_was_revoked_is_nobodys_problem():
    lane = ScriptedLane([Fenced("taken")], blocking=True)
    worker = Worker(lane)
    await worker.assignment.assign([0])
    delivery = asyncio.create_task(worker.deliver((0, 5)))
    await lane.started.wait()
    revocation = asyncio.create_task(worker.assignment.revoke([0]))
    await asyncio.sleep(0)
    lane.proceed.set()
    await asyncio.gather(delivery, revocation)
    assert worker.acked == []


async def test_retrying_ends_when_the_partition_is_revoked():
    worker = Worker(ScriptedLane(opening=[Retry("away")] * 100_000))
    await worker.assignment.assign([0])
    await until(lambda: len(worker.lanes[0].calls) > 5)
    await worker.assignment.revoke([0])
    calls = len(worker.lanes[0].calls)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(worker.lanes[0].calls) == calls
    assert worker.lanes[0].calls[-1] == "close"


async def test_a_partition_that_comes_back_gets_a_lane_that_is_opened_anew():
    worker = Worker()
    await worker.assignment.assign([0])
    await worker.assignment.revoke([0])
    await worker.assignment.assign([0])
    await worker.deliver((0, 5))
    assert worker.lanes[0].calls == ["open", "close", "open", "process [5]"]


async def test_what_is_delivered_twice_or_late_reaches_the_lane_once_and_in_order():
    worker = Worker()
    await worker.assignment.assign([0])
    await worker.deliver((0, 7), (0, 5), (0, 6), (0, 7), (0, 5))
    assert worker.lanes[0].calls == ["open", "process [5, 6, 7]"]
    assert worker.acked == [(0, 5), (0, 6), (0, 7)]


async def test_being_fenced_while_opening_a_partition_that_was_revoked_is_nobodys_problem():
    lane = ScriptedLane(opening=[Retry("away"), Fenced("taken")])
    worker = Worker(lane)

    async def revoke_while_waiting(_: float) -> None:
        revocation.append(asyncio.create_task(worker.assignment.revoke([0])))
        while worker.assignment.partitions:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    revocation: list[asyncio.Task[None]] = []
    worker.assignment = Assignment(lambda _: lane, worker, lambda: True, revoke_while_waiting)
    await worker.assignment.assign([0])
    await revocation[0]
    assert lane.calls[-1] == "close"
