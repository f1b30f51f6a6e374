"""Workers on one partition whose processes may be cut off anywhere: the world of `test_determinism.py`.

What decides is the project's own: lane, rules, packing, assignment. Only what they stand on is imagined, behind their
ports: the journal's twin in memory, a disk for each worker, and a consumer that delivers what it is told to.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from tests.factories import TOPIC

from sluice.contract import ndjson, processed
from sluice.contract.errors import Fenced, Retry
from sluice.processors.alarm import Alarm, Bound
from sluice.processors.journal import Journal, Marker, Opened
from sluice.processors.journal_memory import MemoryJournal, MemoryLog
from sluice.processors.lane import ProcessorLane
from sluice.processors.report import Report
from sluice.processors.state_memory import MemoryState
from sluice.stream.assignment import SEEK_AGAIN_S, Assignment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sluice.contract.processed import Processed
    from sluice.processors.rules.rulebook import Rulebook
    from sluice.processors.state import Entry
    from sluice.stream.lane import Record

    Changes = Mapping[bytes, Entry | None]

PARTITION = 0

SOUGHT_WITHIN = 20
"""A partition that rests is sought after so many turns of the event loop at most, since nothing takes time here."""

RECORD_BYTES = 1500
"""Of a record of the output: it holds the lines of a raw record or two."""


class Cut(Enum):
    """What happens to a worker at its next commit."""

    NOTHING = auto()
    DIES_BEFORE_IT = auto()
    DIES_IN_IT = auto()
    BREAKS_OFF = auto()
    ANSWER_IS_LOST = auto()
    DIES_BEFORE_ITS_STORE = auto()
    DIES_BEFORE_ITS_ACK = auto()
    PAUSES_BEFORE_IT = auto()
    PAUSES_AFTER_IT = auto()


class Died(Exception):
    """The process is no more."""


class Broken(AssertionError):
    """The promise is broken."""


@dataclass
class Disk:
    """A worker's store: the state as of a position on the changelog. It outlives the worker's processes."""

    state: MemoryState = field(default_factory=MemoryState)
    position: int = 0

    def catch_up(self, changelog: Sequence[Changes]) -> None:
        for changes in changelog[self.position :]:
            self.state.apply(changes)
        self.position = len(changelog)


class CutJournal:
    """The journal of one process: what it commits is there for all, and then in the worker's own store."""

    def __init__(self, cluster: Cluster, disk: Disk, process: Process) -> None:
        self.cluster = cluster
        self.disk = disk
        self.process = process
        self.inner = MemoryJournal(cluster.log)

    async def open(self, partition: int) -> Opened:
        marker, _ = await self.inner.open(partition)
        self.disk.catch_up(self.cluster.changelog)
        return Opened(marker, self.disk.state)

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        cut = self.process.take_cut()
        self.cluster.cuts.append(cut)
        if cut is Cut.PAUSES_BEFORE_IT:
            await self.process.stand_still()
        if cut is Cut.DIES_BEFORE_IT:
            raise Died
        if cut is Cut.BREAKS_OFF:
            raise Retry("the transaction broke off")
        await self.transact(partition, output, changes, marker, dies=cut is Cut.DIES_IN_IT)
        if cut is Cut.ANSWER_IS_LOST:
            raise Retry("nobody knows whether the transaction took place")
        if cut is Cut.DIES_BEFORE_ITS_STORE:
            raise Died
        self.disk.catch_up(self.cluster.changelog)
        if cut is Cut.DIES_BEFORE_ITS_ACK:
            raise Died
        if cut is Cut.PAUSES_AFTER_IT:
            await self.process.stand_still()

    async def transact(
        self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker, *, dies: bool
    ) -> None:
        """Commit all or nothing: a process that dies in a transaction leaves one that is aborted."""
        if dies:
            raise Died
        await self.inner.commit(partition, output, changes, marker)
        self.cluster.committed(changes, self.process.version)

    async def close(self, partition: int) -> None:
        await self.inner.close(partition)


@dataclass(frozen=True)
class Parts:
    """What workers are made of; a mutant replaces one of them."""

    journal: Callable[[Cluster, Disk, Process], Journal] = CutJournal
    lane: type[ProcessorLane] = ProcessorLane
    assignment: type[Assignment] = Assignment


@dataclass
class Cluster:
    """What all workers share; it is also the raw log.

    `rules` are all that are ever in force, and `version` says which of them are now. `commit_bytes` is how much raw
    text a commit decides. `decided_by` has for each record the version that was in force when it was committed.
    """

    records: Sequence[Record]
    rules: Sequence[Rulebook]
    bound: Bound
    commit_bytes: int
    parts: Parts
    version: int = 0
    log: MemoryLog = field(default_factory=MemoryLog)
    changelog: list[Changes] = field(default_factory=list)
    decided_by: list[int] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)

    @property
    def decisions(self) -> Sequence[Processed]:
        """What readers of the committed output see."""
        values = self.log.output.get(PARTITION, [])
        return [processed.decode(text) for value in values for text in ndjson.split(value)]

    @property
    def next_offset(self) -> int:
        """The first offset that is not decided."""
        marker = self.log.markers.get(PARTITION)
        return 0 if marker is None else marker.offset + 1

    def committed(self, changes: Changes, version: int) -> None:
        """Take note of what one transaction has brought, beside what stands in the log."""
        self.changelog.append(dict(changes))
        self.decided_by += [version] * (self.next_offset - len(self.decided_by))

    async def topic_id(self) -> str:
        return TOPIC

    async def range_of(self, partition: int) -> range:
        assert partition == PARTITION
        return range(len(self.records))


class Process:
    """One life of a worker."""

    def __init__(self, cluster: Cluster, disk: Disk) -> None:
        self._cluster = cluster
        self._woken = asyncio.Event()
        self.version = cluster.version
        """The rules that it has taken last."""
        self.cut = Cut.NOTHING
        self.stands_still = False
        journal = cluster.parts.journal(cluster, disk, self)
        self.consumer = _Consumer()
        self.assignment = cluster.parts.assignment(lambda _: self._lane(journal), self.consumer, lambda: True, _sleep)

    def take_cut(self) -> Cut:
        """Give what is to happen, once."""
        cut, self.cut = self.cut, Cut.NOTHING
        return cut

    async def stand_still(self) -> None:
        """Wait to be woken, as a process does that gets no time."""
        self.stands_still = True
        await self._woken.wait()

    def wake(self) -> None:
        self.stands_still = False
        self._woken.set()

    def _lane(self, journal: Journal) -> ProcessorLane:
        cluster = self._cluster
        alarm, report = Alarm(cluster.bound, lambda: 0.0), Report(lambda: 0.0, lambda _: None)
        bytes_at_once = cluster.commit_bytes, RECORD_BYTES
        return cluster.parts.lane(PARTITION, journal, cluster, self._rules, alarm, report, *bytes_at_once)

    def _rules(self) -> Rulebook:
        self.version = self._cluster.version
        return self._cluster.rules[self.version]


class Worker:
    """A worker: its disk, and its process while it has one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._disk = Disk()
        self._process: Process | None = None
        self._batch: asyncio.Task[None] | None = None

    async def deliver(self, first: int, count: int, cut: Cut) -> None:
        """Hand over records to the process, which is started where there is none; one that stands still is woken.

        Where it seeks then, it gets them again from there, once.
        """
        await self.wake()
        if self._process is None:
            self._process = Process(self._cluster, self._disk)
        await self._process.assignment.assign([PARTITION])
        self._process.cut = cut
        await self._hand_over(self._process, self._cluster.records[first : first + count])
        for _ in range(SOUGHT_WITHIN):
            await asyncio.sleep(0)
        if self._process is None or self._process.stands_still:
            return
        if (sought := self._process.consumer.take()) is not None:
            await self._hand_over(self._process, self._cluster.records[sought : first + count])

    async def _hand_over(self, process: Process, records: Sequence[Record]) -> None:
        acked: list[int] = []
        deliveries = [_Delivery(record, self._cluster, acked) for record in records]
        self._batch = asyncio.create_task(process.assignment.process(deliveries))
        await self._go_on()
        if acked != [record.offset for record in records][: len(acked)]:
            raise Broken(f"acknowledged {acked} of {[record.offset for record in records]}")

    async def wake(self) -> None:
        """Let a process go on that stands still."""
        if self._process is not None and self._process.stands_still:
            self._process.wake()
            await self._go_on()

    async def give_up(self) -> None:
        """Hand the partition back, as in a rebalance."""
        if self._process is not None and not self._process.stands_still:
            await self._process.assignment.revoke([PARTITION])

    def die(self, *, with_disk: bool) -> None:
        """End the process between two batches, or where it stands still."""
        if self._batch is not None:
            self._batch.cancel()
        self._process = self._batch = None
        if with_disk:
            self._disk = Disk()

    async def _go_on(self) -> None:
        """Run the batch until it is done, or the process is dead or stands still."""
        assert self._process is not None
        assert self._batch is not None
        while not self._batch.done() and not self._process.stands_still:
            await asyncio.sleep(0)
        if self._batch.done():
            batch, self._batch = self._batch, None
            try:
                await batch
            except (Died, Fenced):
                self._process = None


@dataclass
class _Delivery:
    record: Record
    cluster: Cluster
    acked: list[int]

    def ack(self) -> None:
        if self.record.offset >= self.cluster.next_offset:
            raise Broken(f"acknowledged {self.record.offset}, but decided is only what comes before")
        self.acked.append(self.record.offset)


class _Consumer:
    """Delivers what an act says; where it was sought is known until it is taken."""

    _sought: int | None = None

    def take(self) -> int | None:
        sought, self._sought = self._sought, None
        return sought

    async def seek(self, partition: int, offset: int) -> None:
        assert partition == PARTITION
        self._sought = offset

    def pause(self, partition: int) -> None: ...

    def resume(self, partition: int) -> None: ...


async def _sleep(seconds: float) -> None:
    """Be over at once; but nothing has to be sought twice here."""
    if seconds == SEEK_AGAIN_S:
        await asyncio.Event().wait()
    await asyncio.sleep(0)
