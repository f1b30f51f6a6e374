"""The publisher on a real broker is held to the same suite as its twin in memory."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from tests.conformance.publisher_suite import PublisherSuite
from tests.integration.gateway.reading import read_topic

from sluice.contract.errors import TooLarge, Unusable
from sluice.contract.topics import RAW
from sluice.gateway.publishing.kafka import KafkaPublisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.stack import Stack


PARTITIONS = 3


class OnKafka:
    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self.publisher = KafkaPublisher(bootstrap, topic=topic)

    async def records(self) -> dict[int, list[bytes]]:
        return await read_topic(self._bootstrap, self._topic, PARTITIONS)


async def create_raw_topic(bootstrap: str, partitions: int) -> str:
    name = f"{RAW.name}.{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=RAW.kafka_config())])
    finally:
        await admin.close()
    return name


class TestKafkaPublisher(PublisherSuite):
    @pytest.fixture
    async def publishing(self, stack: Stack) -> AsyncIterator[OnKafka]:
        on_kafka = OnKafka(stack.kafka_bootstrap, await create_raw_topic(stack.kafka_bootstrap, PARTITIONS))
        assert await on_kafka.publisher.start() == PARTITIONS
        yield on_kafka
        await on_kafka.publisher.close()


async def test_without_the_topic_it_does_not_start(stack: Stack):
    publisher = KafkaPublisher(stack.kafka_bootstrap, topic="no.such.topic")
    with pytest.raises(Unusable, match="sluice topics create"):
        await publisher.start()
    await publisher.close()


async def test_without_a_broker_it_does_not_start():
    publisher = KafkaPublisher("127.0.0.1:1", deadline_s=2)
    with pytest.raises(Unusable, match="does not answer"):
        await publisher.start()
    await publisher.close()


async def test_a_record_that_is_too_large_is_its_senders_problem_and_nobody_elses(stack: Stack):
    topic = await create_raw_topic(stack.kafka_bootstrap, PARTITIONS)
    publisher = KafkaPublisher(stack.kafka_bootstrap, topic=topic)
    await publisher.start()
    too_large = b"x" * (RAW.max_bytes + 1)
    answers = await asyncio.gather(
        *(publisher.publish(0, b"small") for _ in range(20)),
        publisher.publish(0, too_large),
        *(publisher.publish(1, b"small") for _ in range(20)),
        return_exceptions=True,
    )
    assert [answer for answer in answers if isinstance(answer, TooLarge)] == [answers[20]]
    assert [set(offsets) for offsets in (answers[:20], answers[21:])] == [set(range(20))] * 2
    assert publisher.ready
    await publisher.close()
