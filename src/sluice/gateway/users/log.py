"""The topic `users.known` as a replica reads it: all partitions, in no consumer group, from offsets that it names."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from sluice.contract.errors import Retry
from sluice.contract.topics import MIB
from sluice.gateway.users.mark import LogState, Stale
from sluice.kafka.reader import stop
from sluice.kafka.steady_client import make_steady
from sluice.kafka.topic_ids import topic_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from aiokafka import ConsumerRecord

ANSWER_TIMEOUT_S = 10.0
MAX_RECORDS = 5_000
"""As many are decoded at once; the event loop does nothing else meanwhile."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of their partitions, and the next offset of each partition that had any."""

    records: Sequence[ConsumerRecord]
    next_offsets: Mapping[int, int]


class KnownLog:
    """One connection to the log, made by `open_log`.

    Every call but `heard_at` raises `Retry` when Kafka does not answer.
    """

    def __init__(self, consumer: AIOKafkaConsumer, bootstrap: str, topic: str, partitions: int) -> None:
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._topic = topic
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    async def topic_id(self) -> str:
        """Give Kafka's id of the topic. Raises `Unusable` when there is none of that name."""
        async with _answering(self._bootstrap):
            return await topic_id(self._bootstrap, self._topic)

    async def state(self) -> LogState:
        """Give the log as it is now. Raises `Unusable` when there is none of that name."""
        topic_id = await self.topic_id()
        async with _answering(self._bootstrap):
            starts = await self._consumer.beginning_offsets(self._partitions)
            ends = await self._consumer.end_offsets(self._partitions)
        return LogState(topic_id, {each.partition: range(starts[each], ends[each]) for each in self._partitions})

    def seek(self, next_offsets: Mapping[int, int]) -> None:
        """Read on from these offsets, one for each partition."""
        self._consumer.assign(self._partitions)
        for each in self._partitions:
            self._consumer.seek(each, next_offsets[each.partition])

    async def read(self, wait_s: float) -> Batch:
        """Give what comes next; wait for it no longer than this.

        Raises `Stale` when the log does not hold what should come next.
        """
        async with _answering(self._bootstrap):
            fetched = await self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=MAX_RECORDS)
        return Batch(
            [record for records in fetched.values() for record in records],
            {each.partition: records[-1].offset + 1 for each, records in fetched.items()},
        )

    async def next_offsets(self) -> dict[int, int]:
        """Give the next offset of every partition; it also passes records that compaction took away."""
        return {each.partition: await self._consumer.position(each) for each in self._partitions}

    async def at_end(self) -> bool:
        """Whether everything has been read that was there when Kafka last answered."""
        next_offsets = await self.next_offsets()
        ends = [(each.partition, self._consumer.highwater(each)) for each in self._partitions]
        return all(end is not None and next_offsets[partition] >= end for partition, end in ends)

    @property
    def heard_at(self) -> int:
        """When Kafka last answered for every partition, in milliseconds since 1970; it does so twice a second."""
        return min(self._consumer.last_poll_timestamp(each) or 0 for each in self._partitions)


@asynccontextmanager
async def open_log(bootstrap: str, topic: str, partitions: int) -> AsyncIterator[KnownLog]:
    """Connect to the log. Raises `Retry` when Kafka does not answer."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="sluice-gateway",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 * MIB,
    )
    make_steady(consumer._client)
    try:
        async with _answering(bootstrap):
            await consumer.start()
        yield KnownLog(consumer, bootstrap, topic, partitions)
    finally:
        await stop(consumer)


@asynccontextmanager
async def _answering(bootstrap: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            yield
    except OffsetOutOfRangeError as error:
        raise Stale(f"Kafka does not hold what comes next: {error}") from error
    except (TimeoutError, KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer: {error!r}") from error
