"""Topics and their ids, asked of the real broker."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from sluice.cli.reading.log import Log
from sluice.contract.errors import Retry, Unusable
from sluice.contract.topics import RAW, Topic
from sluice.kafka.topic_ids import await_topics, topic_ids
from sluice.kafka.topic_log import TopicLog
from sluice.kafka.topics import create_topics

if TYPE_CHECKING:
    from tests.integration.stack import Stack

NOBODY = "127.0.0.1:1"


@pytest.fixture
def topic() -> Topic:
    return Topic(f"test-{uuid4()}", 1024 * 1024, {"cleanup.policy": "delete"})


async def test_topics_are_created_once(stack: Stack, topic: Topic):
    assert await create_topics(stack.kafka_bootstrap, [topic], partitions=3, replication=1) == {topic.name: True}
    assert await create_topics(stack.kafka_bootstrap, [topic], partitions=3, replication=1) == {topic.name: False}


async def test_another_count_of_partitions_is_refused(stack: Stack, topic: Topic):
    await create_topics(stack.kafka_bootstrap, [topic], partitions=3, replication=1)
    with pytest.raises(Unusable, match="has 3 partitions, not 4: it is fixed"):
        await create_topics(stack.kafka_bootstrap, [topic], partitions=4, replication=1)


async def test_more_copies_than_brokers_are_refused_in_one_sentence(stack: Stack, topic: Topic):
    with pytest.raises(Unusable, match=f"Kafka refuses to create topic {topic.name}: "):
        await create_topics(stack.kafka_bootstrap, [topic], partitions=1, replication=3)


async def test_a_topic_that_is_made_anew_has_another_id(stack: Stack, topic: Topic):
    await create_topics(stack.kafka_bootstrap, [topic], partitions=1, replication=1)
    log = TopicLog(stack.kafka_bootstrap, topic.name)
    first = await log.topic_id()
    assert await log.topic_id() == first
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    await admin.delete_topics([topic.name])
    await admin.close()
    async with asyncio.timeout(30):
        while (await create_topics(stack.kafka_bootstrap, [topic], partitions=1, replication=1)) != {
            topic.name: True
        }:
            await asyncio.sleep(0.1)
    assert await log.topic_id() != first


async def test_a_log_tells_from_where_to_where_it_goes(stack: Stack, topic: Topic):
    await create_topics(stack.kafka_bootstrap, [topic], partitions=1, replication=1)
    log = TopicLog(stack.kafka_bootstrap, topic.name)
    assert await log.range_of(0) == range(0)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap) as producer:
        for _ in range(3):
            await producer.send_and_wait(topic.name, b"x", partition=0)
    assert await log.range_of(0) == range(3)


@pytest.mark.parametrize("gateways_clock_ms", [0, 4_102_444_800_000], ids=["behind", "ahead"])
async def test_a_raw_record_is_dated_by_kafka_whatever_the_clock_of_a_gateway_says(
    stack: Stack, gateways_clock_ms: int
):
    topic = replace(RAW, name=f"test-{uuid4()}")
    await create_topics(stack.kafka_bootstrap, [topic], partitions=1, replication=1)
    before_ms = int(time.time() * 1000)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap) as producer:
        await producer.send_and_wait(topic.name, b"x", partition=0, timestamp_ms=gateways_clock_ms)
    after_ms = int(time.time() * 1000)
    log = Log(stack.kafka_bootstrap, topic.name)
    async with log.opened(0) as partition:
        record = await partition.first(range(1))
    assert record is not None
    assert before_ms <= record.timestamp <= after_ms
    assert await log.ranges_since(record.timestamp) == {0: range(1)}
    assert await log.ranges_since(record.timestamp + 1) == {0: range(1, 1)}


async def test_a_missing_topic_is_named_and_not_created(stack: Stack, topic: Topic):
    for _ in range(2):
        with pytest.raises(Unusable, match=f"no topic {topic.name}: create the topics with `sluice topics create`"):
            await topic_ids(stack.kafka_bootstrap, [topic.name])


async def test_while_the_broker_is_away_callers_are_told_to_retry(topic: Topic):
    with pytest.raises(Retry, match=f"Kafka at {NOBODY} does not answer"):
        await topic_ids(NOBODY, [topic.name])
    with pytest.raises(Retry, match=f"Kafka at {NOBODY} does not answer"):
        await create_topics(NOBODY, [topic], partitions=1, replication=1)
    with pytest.raises(Retry, match=f"Kafka at {NOBODY} does not answer"):
        await TopicLog(NOBODY, topic.name).range_of(0)


async def test_a_role_waits_for_the_broker_and_for_nothing_else(stack: Stack, topic: Topic):
    waits: list[float] = []

    async def give_up_after_three(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await await_topics(NOBODY, [topic.name], give_up_after_three)
    with pytest.raises(Unusable):
        await await_topics(stack.kafka_bootstrap, [topic.name], give_up_after_three)
    await create_topics(stack.kafka_bootstrap, [topic], partitions=1, replication=1)
    await await_topics(stack.kafka_bootstrap, [topic.name], give_up_after_three)
    assert len(waits) == 3
