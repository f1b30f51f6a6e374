"""A topic in memory, as a replica reads it and a publisher writes it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sluice.contract.errors import Retry
from sluice.gateway.users.log import Batch
from sluice.gateway.users.mark import LogState, Stale

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

PARTITIONS = 2


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True)
class FakeRecord:
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass
class FakeTopic:
    """`away` is a broker that cannot be reached; `held` keeps records back that are written but not yet to be read.

    A read gives `at_most` records of each partition.
    """

    clock: Callable[[], int]
    id: str = "id-1"
    partitions: list[list[FakeRecord]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    starts: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))
    away: bool = False
    held: bool = False
    connections: int = 0
    at_most: int = 1000
    on_connect: Callable[[], None] = lambda: None

    @property
    def ready(self) -> bool:
        return not self.away

    async def publish(self, partition: int, value: bytes | None, key: bytes | None = None) -> int:
        if self.away:
            raise Retry("Kafka is not available")
        return self.write(partition, key, value)

    def write(self, partition: int, key: bytes | None, value: bytes | None) -> int:
        offset = len(self.partitions[partition])
        self.partitions[partition].append(FakeRecord(partition, offset, key, value))
        return offset

    def make_anew(self) -> None:
        self.id = f"{self.id}+"
        self.partitions = [[] for _ in range(PARTITIONS)]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        if self.away:
            raise Retry("Kafka does not answer")
        self.connections += 1
        self.on_connect()
        yield FakeLog(self)


class FakeLog:
    """See `sluice.gateway.users.log.KnownLog`."""

    def __init__(self, topic: FakeTopic) -> None:
        self._topic = topic
        self._next: dict[int, int] = {}
        self.heard_at = topic.clock()

    async def topic_id(self) -> str:
        if self._topic.away:
            raise Retry("Kafka does not answer")
        return self._topic.id

    async def state(self) -> LogState:
        ranges = {number: range(self._topic.starts[number], len(log)) for number, log in self._logs()}
        return LogState(await self.topic_id(), ranges)

    def seek(self, next_offsets: Mapping[int, int]) -> None:
        self._next = dict(next_offsets)

    async def read(self, wait_s: float) -> Batch:
        del wait_s
        await asyncio.sleep(0)
        if self._topic.away or self._topic.held:
            return Batch([], {})
        self.heard_at = self._topic.clock()
        records = []
        for number, log in self._logs():
            if self._next[number] > len(log):
                raise Stale("Kafka does not hold what comes next")
            records += log[self._next[number] :][: self._topic.at_most]
        moved = {record.partition: record.offset + 1 for record in records}
        self._next.update(moved)
        return Batch(records, moved)

    async def next_offsets(self) -> dict[int, int]:
        return dict(self._next)

    async def at_end(self) -> bool:
        return all(self._next[number] == len(log) for number, log in self._logs())

    def _logs(self) -> list[tuple[int, list[FakeRecord]]]:
        return list(enumerate(self._topic.partitions))
