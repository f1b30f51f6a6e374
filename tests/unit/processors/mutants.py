"""What the promise of `test_determinism.py` rests on, each broken on purpose, behind a port or in a subclass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.processors.cuts import CutJournal, Parts

from sluice.contract.errors import Retry
from sluice.processors.journal import Marker, Opened
from sluice.processors.lane import ProcessorLane
from sluice.processors.state_memory import MemoryState
from sluice.stream.assignment import Assignment
from sluice.stream.lane import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.processors.cuts import Changes

    from sluice.stream.assignment import Delivery
    from sluice.stream.lane import Record


class OutputFirst(CutJournal):
    """Commits the output and how far it goes, and then the state."""

    async def transact(
        self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker, *, dies: bool
    ) -> None:
        await super().transact(partition, output, {}, marker, dies=False)
        await super().transact(partition, [], changes, marker, dies=dies)


class StateFirst(CutJournal):
    """Commits the state, and then the output and how far it goes."""

    async def transact(
        self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker, *, dies: bool
    ) -> None:
        before = self.cluster.log.markers.get(partition, Marker(marker.topic_id, -1))
        await super().transact(partition, [], changes, before, dies=False)
        await super().transact(partition, output, {}, marker, dies=dies)


class MarkerLast(CutJournal):
    """Commits output and state, and then how far they go."""

    async def transact(
        self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker, *, dies: bool
    ) -> None:
        before = self.cluster.log.markers.get(partition, Marker(marker.topic_id, -1))
        await super().transact(partition, output, changes, before, dies=False)
        await super().transact(partition, [], {}, marker, dies=dies)


class RecordByRecord(CutJournal):
    """Commits each record of the output by itself; with the last of them the state and how far they go."""

    async def transact(
        self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker, *, dies: bool
    ) -> None:
        before = self.cluster.log.markers.get(partition, Marker(marker.topic_id, -1))
        for value in output[:-1]:
            await super().transact(partition, [value], {}, before, dies=False)
        await super().transact(partition, output[-1:], changes, marker, dies=dies)


class StoreFirst(CutJournal):
    """Changes the worker's store, and then commits."""

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        self.disk.state.apply(changes)
        await super().commit(partition, output, changes, marker)


class LeakyDraft(CutJournal):
    """Keeps what a transaction that broke off would have changed."""

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        try:
            await super().commit(partition, output, changes, marker)
        except Retry:
            self.disk.state.apply(changes)
            raise


class StaleStore(CutJournal):
    """Does not bring the store up to what others have committed."""

    async def open(self, partition: int) -> Opened:
        marker, _ = await self.inner.open(partition)
        return Opened(marker, self.disk.state)


class NoMarker(CutJournal):
    """Does not tell how far the partition is decided."""

    async def open(self, partition: int) -> Opened:
        _, state = await super().open(partition)
        return Opened(None, state)


class NoFence(CutJournal):
    """Lets whoever had the partition open before go on writing."""

    async def transact(
        self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker, *, dies: bool
    ) -> None:
        await self.inner.open(partition)
        await super().transact(partition, output, changes, marker, dies=dies)


class Forgetful(MemoryState):
    """Gives for forgetting whatever can be forgotten some day."""

    def forgettable(self, before_ms: int, limit: int) -> Sequence[bytes]:
        del before_ms
        return super().forgettable(2**62, limit)


class ForgetsTooSoon(CutJournal):
    """Has a store that forgets too soon."""

    async def open(self, partition: int) -> Opened:
        marker, state = await super().open(partition)
        assert isinstance(state, MemoryState)
        self.disk.state = Forgetful(state.entries)
        return Opened(marker, self.disk.state)


class TakesAnyOffset(ProcessorLane):
    """Does not skip what was decided before."""

    async def process(self, records: Sequence[Record]) -> Progress:
        self._next_offset = min(self._next_offset, records[0].offset)
        return await super().process(records)


class IgnoresGaps(ProcessorLane):
    """Takes what comes for what comes next."""

    async def process(self, records: Sequence[Record]) -> Progress:
        self._next_offset = max(self._next_offset, records[0].offset)
        return await super().process(records)


class ForgivesFailure(ProcessorLane):
    """Acknowledges its records whatever became of the transaction."""

    async def process(self, records: Sequence[Record]) -> Progress:
        try:
            return await super().process(records)
        except Retry:
            self._next_offset = records[-1].offset + 1
            return Progress(len(records))


class OpensOnce(ProcessorLane):
    """Does not look again how far it is where a transaction's outcome is unknown."""

    opened_at: int | None = None

    async def open(self) -> int | None:
        if self.opened_at is None:
            self.opened_at = await super().open()
        return self.opened_at


class AcksFirst(Assignment):
    """Acknowledges what comes, and then handles it."""

    async def process(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            delivery.ack()
        await super().process(deliveries)


HARMLESS_WITHOUT_CUTS = {
    mutant.__name__: parts
    for mutant, parts in [
        *(
            (journal, Parts(journal=journal))
            for journal in (OutputFirst, StateFirst, MarkerLast, RecordByRecord, StoreFirst, LeakyDraft, NoFence)
        ),
        (ForgivesFailure, Parts(lane=ForgivesFailure)),
        (OpensOnce, Parts(lane=OpensOnce)),
    ]
}

MUTANTS = HARMLESS_WITHOUT_CUTS | {
    "StaleStore": Parts(journal=StaleStore),
    "NoMarker": Parts(journal=NoMarker),
    "ForgetsTooSoon": Parts(journal=ForgetsTooSoon),
    "TakesAnyOffset": Parts(lane=TakesAnyOffset),
    "IgnoresGaps": Parts(lane=IgnoresGaps),
    "AcksFirst": Parts(assignment=AcksFirst),
}
