"""A static member is taken out of its group, and nobody else is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from sluice.contract import topics
from sluice.contract.errors import Retry
from sluice.kafka.leave_group import leave_group
from sluice.kafka.reader import stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.stack import Stack

SESSION_MS = 120_000
"""Longer than any test may take: nobody leaves by timing out."""


@pytest.fixture
async def member(deployment: Stack) -> AsyncIterator[AIOKafkaConsumer]:
    """A static member of a group of its own."""
    consumer = AIOKafkaConsumer(
        topics.RAW.name,
        bootstrap_servers=deployment.kafka_bootstrap,
        group_id=f"test-{uuid4()}",
        group_instance_id="one",
        session_timeout_ms=SESSION_MS,
        request_timeout_ms=SESSION_MS,
    )
    await consumer.start()
    yield consumer
    await stop(consumer)


async def instances(bootstrap: str, group: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        [(_, _, _, _, _, members, *_)] = answer.groups
        return [client for _, client, *_ in members]
    finally:
        await admin.close()


def group_and_member(consumer: AIOKafkaConsumer) -> tuple[str, str]:
    coordinator = consumer._coordinator
    return coordinator.group_id, coordinator.member_id


async def test_a_static_member_leaves(deployment: Stack, member: AIOKafkaConsumer):
    group, member_id = group_and_member(member)
    assert len(await instances(deployment.kafka_bootstrap, group)) == 1
    await stop(member)
    assert len(await instances(deployment.kafka_bootstrap, group)) == 1, "stopping alone does not do it"
    await leave_group(deployment.kafka_bootstrap, group, "one", member_id)
    assert await instances(deployment.kafka_bootstrap, group) == []


FENCED_INSTANCE_ID = 82  # aiokafka has no name for it


async def test_a_process_that_joined_under_the_same_name_since_then_stays(
    deployment: Stack, member: AIOKafkaConsumer
):
    group, _ = group_and_member(member)
    with pytest.raises(Retry, match=rf"does not let one go: .*\({FENCED_INSTANCE_ID}\)"):
        await leave_group(deployment.kafka_bootstrap, group, "one", f"one-{uuid4()}")
    assert len(await instances(deployment.kafka_bootstrap, group)) == 1


async def test_who_is_no_member_cannot_leave(deployment: Stack, member: AIOKafkaConsumer):
    group, member_id = group_and_member(member)
    with pytest.raises(Retry, match="does not let two go: UnknownMemberId"):
        await leave_group(deployment.kafka_bootstrap, group, "two", member_id)
    assert len(await instances(deployment.kafka_bootstrap, group)) == 1


async def test_while_kafka_is_away_nobody_leaves():
    with pytest.raises(Retry, match=r"127\.0\.0\.1:1 does not answer"):
        await leave_group("127.0.0.1:1", "group", "one", "one-1")
