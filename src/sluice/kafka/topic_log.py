"""What the lanes have to know of a topic beside its records, asked of Kafka each time: lanes open seldom."""

from __future__ import annotations

from aiokafka import TopicPartition

from sluice.kafka.reader import reading
from sluice.kafka.topic_ids import topic_id


class TopicLog:
    """One topic of the cluster at `bootstrap`."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._name = name

    async def topic_id(self) -> str:
        """Give Kafka's id of the topic. Raises `Retry` while Kafka cannot be asked."""
        return await topic_id(self._bootstrap, self._name)

    async def range_of(self, partition: int) -> range:
        """Give the offsets that the partition holds now, up to the next one. Raises `Retry` likewise."""
        log = TopicPartition(self._name, partition)
        async with reading(self._bootstrap, log) as consumer:
            start: dict[TopicPartition, int] = await consumer.beginning_offsets([log])
            end: dict[TopicPartition, int] = await consumer.end_offsets([log])
            return range(start[log], end[log])
