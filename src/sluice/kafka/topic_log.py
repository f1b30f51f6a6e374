"""What the lanes have to know of a topic beside its records, asked of Kafka each time: lanes open seldom."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from sluice.contract.errors import Retry
from sluice.kafka.topic_ids import topic_ids


class TopicLog:
    """One topic of the cluster at `bootstrap`."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._name = name

    async def topic_id(self) -> str:
        """Give Kafka's id of the topic. Raises `Retry` while Kafka cannot be asked."""
        return str((await topic_ids(self._bootstrap, [self._name]))[self._name])

    async def range_of(self, partition: int) -> range:
        """Give the offsets that the partition holds now, up to the next one. Raises `Retry` likewise."""
        log = TopicPartition(self._name, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        try:
            await consumer.start()
            consumer.assign([log])
            start: dict[TopicPartition, int] = await consumer.beginning_offsets([log])
            end: dict[TopicPartition, int] = await consumer.end_offsets([log])
            return range(start[log], end[log])
        except (KafkaError, OSError) as error:
            raise Retry(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        finally:
            await consumer.stop()
