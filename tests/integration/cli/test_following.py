"""Following a topic of the real broker that is deleted and made anew meanwhile."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from tests.integration.cli.conftest import DEADLINE_S

from sluice.cli.tailing.following import Follower
from sluice.contract.topics import RAW, Topic
from sluice.kafka.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka.structs import ConsumerRecord
    from tests.integration.stack import Stack


async def make_anew(bootstrap: str, topic: Topic, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([topic.name])
    while topic.name in await admin.list_topics():
        await asyncio.sleep(0.1)
    await admin.close()
    await create_topics(bootstrap, [topic], partitions=partitions, replication=1)


async def test_a_topic_that_was_made_anew_is_followed_from_its_start_on_all_its_partitions(stack: Stack):
    bootstrap = stack.kafka_bootstrap
    followed, kept = (Topic(f"{name}.{token_hex(4)}", RAW.max_bytes, RAW.config) for name in ("followed", "kept"))
    await create_topics(bootstrap, [followed, kept], partitions=1, replication=1)
    said: list[str] = []
    shown: list[tuple[str, int, int]] = []

    def show(records: Sequence[ConsumerRecord[bytes, bytes]]) -> bool:
        shown.extend((record.topic, record.partition, record.offset) for record in records)
        return len(shown) < 3

    async with asyncio.timeout(DEADLINE_S), AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(kept.name, b"before", partition=0)
        follower = Follower(bootstrap, [followed.name, kept.name], said.append)
        await follower.start()
        await make_anew(bootstrap, followed, partitions=3)
    async with asyncio.timeout(DEADLINE_S), AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for partition in (0, 2):
            await producer.send_and_wait(followed.name, b"after", partition=partition)
        await producer.send_and_wait(kept.name, b"after", partition=0)
        await follower.follow(show)
    assert sorted(shown) == [(followed.name, 0, 0), (followed.name, 2, 0), (kept.name, 0, 1)]
    assert f"topic {followed.name} was made anew; showing it from its start" in said
