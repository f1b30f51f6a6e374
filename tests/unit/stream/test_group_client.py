"""What the group's coordinator answers is noted as the consumer's client passes it on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from tests.unit.kafka.stub_broker import NODE, StubBroker

from sluice.stream.group_client import note_heartbeats
from sluice.stream.heartbeats import Heartbeats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UNKNOWN_MEMBER_ID = 25
HEARTBEAT = HeartbeatRequest("group", 1, "member")
JOIN = JoinGroupRequest("group", 6_000, 30_000, "member", None, "consumer", [])
SYNC = SyncGroupRequest("group", 1, "member", None, [])
FIND = FindCoordinatorRequest("group", 0)


class Group:
    def __init__(self, broker: StubBroker) -> None:
        self.broker = broker
        self.heartbeats = Heartbeats(session_s=60.0)
        self.client = AIOKafkaClient(bootstrap_servers=broker.bootstrap)
        note_heartbeats(self.client, self.heartbeats)

    async def ask(self, request: Any, error_code: int = 0) -> None:
        self.broker.error_code = error_code
        answer = await self.client.send(NODE, request, group=ConnectionGroup.COORDINATION)
        assert getattr(answer, "error_code", 0) == error_code


@pytest.fixture
async def group() -> AsyncIterator[Group]:
    async with StubBroker() as broker:
        group = Group(broker)
        await group.client.bootstrap()
        yield group
        await group.client.close()


async def test_a_join_makes_no_member_before_its_rebalance_has_ended(group: Group):
    await group.ask(JOIN)
    assert not group.heartbeats.is_member
    await group.ask(SYNC)
    assert group.heartbeats.is_member


async def test_a_heartbeat_tells_whether_this_is_a_member(group: Group):
    await group.ask(HEARTBEAT)
    assert group.heartbeats.is_member
    await group.ask(HEARTBEAT, UNKNOWN_MEMBER_ID)
    assert not group.heartbeats.is_member


@pytest.mark.parametrize("request_", [HEARTBEAT, JOIN, SYNC, FIND], ids=lambda request: type(request).__name__)
async def test_each_answer_about_the_group_is_one(group: Group, request_: Any):
    await group.ask(request_)
    await group.ask(request_, UNKNOWN_MEMBER_ID)
    assert group.heartbeats.answers == 2


async def test_answers_about_anything_else_are_none(group: Group):
    await group.ask(MetadataRequest([]))
    assert group.heartbeats.answers == 0


async def test_a_request_that_was_not_answered_is_none(group: Group):
    await group.ask(HEARTBEAT)
    group.broker.answering.clear()
    heartbeat = asyncio.create_task(group.ask(HEARTBEAT))
    await asyncio.sleep(0)
    group.broker.reset()
    with pytest.raises(KafkaError):
        await heartbeat
    assert group.heartbeats.answers == 1


@pytest.mark.parametrize(
    ("request_", "waits"),
    [(JOIN, True), (SYNC, True), (HEARTBEAT, False)],
    ids=lambda parameter: type(parameter).__name__,
)
async def test_only_joins_wait_for_the_other_members(group: Group, request_: Any, waits: bool):
    await group.ask(FIND)
    group.broker.answering.clear()
    asking = asyncio.create_task(group.ask(request_))
    await asyncio.sleep(0)
    assert group.heartbeats.joining is waits
    group.broker.answering.set()
    await asking
    assert not group.heartbeats.joining
