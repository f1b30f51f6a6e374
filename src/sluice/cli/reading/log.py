"""A topic, read beside any consumer group, from one offset to another, and only what is committed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from sluice.contract.errors import Retry
from sluice.kafka.reader import reading
from sluice.kafka.topic_ids import topic_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from aiokafka.structs import ConsumerRecord

POLL_MS = 500
STALLED_S = 30.0
"""After so long without a record that must be there Kafka counts as away."""

SIDE_BY_SIDE = 4
"""Partitions that are read at once: each holds a few records in memory, and a record may have 12 MiB."""


@dataclass(frozen=True)
class Log:
    """The topic called `name` of the cluster at `bootstrap`. All methods raise `Retry` while Kafka is away."""

    bootstrap: str
    name: str

    async def topic_id(self) -> str:
        """Give Kafka's id of the topic. Raises `Unusable` where there is no such topic."""
        return await topic_id(self.bootstrap, self.name)

    async def ranges(self) -> Mapping[int, range]:
        """Give by partition the offsets that the topic holds now, up to the next one."""
        async with reading(self.bootstrap, TopicPartition(self.name, 0)) as consumer:
            partitions = await _partitions(consumer, self.name)
            starts = await consumer.beginning_offsets(partitions)
            stops = await consumer.end_offsets(partitions)
            return {at.partition: range(starts[at], stops[at]) for at in partitions}

    async def ranges_since(self, since_ms: int) -> Mapping[int, range]:
        """Give the same from the first record on that is not older than that millisecond since 1970."""
        held = await self.ranges()
        async with reading(self.bootstrap, TopicPartition(self.name, 0)) as consumer:
            asked = {TopicPartition(self.name, partition): since_ms for partition in held}
            first = await consumer.offsets_for_times(asked)
        return {
            at.partition: range(first[at].offset if first[at] else held[at.partition].stop, held[at.partition].stop)
            for at in asked
        }

    @asynccontextmanager
    async def opened(self, partition: int) -> AsyncIterator[PartitionLog]:
        """Give one partition to read."""
        at = TopicPartition(self.name, partition)
        async with reading(self.bootstrap, at) as consumer:
            yield PartitionLog(consumer, at)


class PartitionLog:
    """One partition of a topic."""

    def __init__(self, consumer: AIOKafkaConsumer, at: TopicPartition) -> None:
        self._consumer = consumer
        self._at = at

    async def start(self) -> int:
        """Give the first offset that the partition holds now."""
        start: int = (await self._consumer.beginning_offsets([self._at]))[self._at]
        return start

    async def records(
        self, wanted: range, at_once: int = 500
    ) -> AsyncIterator[Sequence[ConsumerRecord[bytes, bytes]]]:
        """Give the records of a range of offsets, in order, at most so many at once.

        Raises `Retry` when none comes for a while, although the range has not ended.
        """
        if not wanted:
            return
        loop = asyncio.get_running_loop()
        self._consumer.seek(self._at, wanted.start)
        position, moved_at = wanted.start, loop.time()
        # At the end of a transaction stands a mark that is no record, so the position is asked for, not counted.
        while position < wanted.stop:
            records = (await self._consumer.getmany(self._at, timeout_ms=POLL_MS, max_records=at_once)).get(self._at)
            if inside := [record for record in records or () if record.offset < wanted.stop]:
                yield inside
            before, position = position, await self._consumer.position(self._at)
            if position != before:
                moved_at = loop.time()
            elif loop.time() - moved_at > STALLED_S:
                raise Retry(f"Kafka gave nothing of {self._at.topic}, partition {self._at.partition}, for a while")

    async def first(self, wanted: range) -> ConsumerRecord[bytes, bytes] | None:
        """Give the first record of a range of offsets; None where it holds none."""
        async for records in self.records(wanted, at_once=1):
            return records[0]
        return None


async def side_by_side(partitions: Iterable[int], work: Callable[[int], Awaitable[None]]) -> None:
    """Do the work for each partition, a few at once. The first error ends all of it and is raised as it is."""
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(partition: int) -> None:
        async with turns:
            await work(partition)

    try:
        async with asyncio.TaskGroup() as tasks:
            for partition in partitions:
                tasks.create_task(one(partition))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _partitions(consumer: AIOKafkaConsumer, name: str) -> Sequence[TopicPartition]:
    await consumer.end_offsets([TopicPartition(name, 0)])  # by then it knows the topic
    return [TopicPartition(name, partition) for partition in sorted(consumer.partitions_for_topic(name))]
