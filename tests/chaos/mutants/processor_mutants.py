"""What the processors' half of the promise rests on, each broken on purpose behind a port."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from sluice.processors.journal import Marker, Opened
from sluice.processors.state_rocksdb import RocksState
from sluice.stream.assignment import Assignment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.chaos.mutants.lives import CutJournal
    from tests.chaos.mutants.processors import World

    from sluice.processors.journal import Journal
    from sluice.processors.state import Entry
    from sluice.stream.assignment import Delivery

    Changes = Mapping[bytes, Entry | None]


class PassedOn:
    """A journal that passes everything on to another: what a mutant does not break is as it is."""

    def __init__(self, inner: Journal, world: World) -> None:
        self.inner = inner
        self.world = world
        self.before: Marker | None = None

    async def open(self, partition: int) -> Opened:
        opened = await self.inner.open(partition)
        self.before = opened.marker or Marker(await self.world.topic_id(), -1)
        return opened

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        await self.inner.commit(partition, output, changes, marker)
        self.before = marker

    async def close(self, partition: int) -> None:
        await self.inner.close(partition)


class OutputFirst(PassedOn):
    """Commits the output and how far it goes, and then the state, in a transaction of its own."""

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        await super().commit(partition, output, {}, marker)
        await super().commit(partition, [], changes, marker)


class StateFirst(PassedOn):
    """Commits the state, and then the output and how far it goes, in a transaction of its own."""

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        assert self.before is not None
        await super().commit(partition, [], changes, self.before)
        await super().commit(partition, output, {}, marker)


class MarkerFirst(PassedOn):
    """Commits how far the raw records are decided, and then what was decided."""

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        await super().commit(partition, [], {}, marker)
        await super().commit(partition, output, changes, marker)


class StoreFirst(PassedOn):
    """Changes the worker's store, and then commits."""

    store: RocksState | None = None

    async def open(self, partition: int) -> Opened:
        opened = await super().open(partition)
        assert isinstance(opened.state, RocksState)
        self.store = opened.state
        return opened

    async def commit(self, partition: int, output: Sequence[bytes], changes: Changes, marker: Marker) -> None:
        assert self.store is not None
        if self.store.position is not None:
            self.store.apply(changes, None, self.store.position)
        await super().commit(partition, output, changes, marker)


class GoesByAcknowledgements(PassedOn):
    """Takes what the group has acknowledged for what is decided."""

    async def open(self, partition: int) -> Opened:
        opened = await super().open(partition)
        return Opened(Marker(await self.world.topic_id(), await self.world.acknowledged() - 1), opened.state)


def no_fence(inner: CutJournal, world: World) -> CutJournal:
    """Give each life a transactional id of its own, so that nobody fences anybody."""
    del world
    return replace(inner, name=f"{inner.name}-{uuid4()}")


class AcksFirst(Assignment):
    """Acknowledges what comes, and then handles it."""

    async def process(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            delivery.ack()
        await super().process(deliveries)
