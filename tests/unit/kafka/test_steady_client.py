"""A connection that is reset costs that connection, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from tests.unit.kafka.stub_broker import NODE, StubBroker

from sluice.kafka.steady_client import make_steady

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEADLINE_S = 30


async def reset_unnoticed(client: AIOKafkaClient, broker: StubBroker) -> None:
    """Return in the moment in which a connection is reset, and aiokafka still takes it for open."""
    assert await client.ready(NODE)
    connection = await client._get_conn(NODE)
    broker.reset()
    async with asyncio.timeout(DEADLINE_S):
        while connection._reader.exception() is None:
            await asyncio.sleep(0)
    assert connection.connected()


def after_a_reset(then: Callable[[AIOKafkaClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with StubBroker() as broker:
            client = AIOKafkaClient(bootstrap_servers=broker.bootstrap)
            make_steady(client)
            await client.bootstrap()
            try:
                await reset_unnoticed(client, broker)
                await then(client)
            finally:
                await client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def test_a_request_to_a_reset_connection_fails_as_any_other_that_kafka_does_not_answer():
    async def send(client: AIOKafkaClient) -> None:
        with pytest.raises(KafkaConnectionError):
            await client.send(NODE, MetadataRequest([]))

    after_a_reset(send)


def test_metadata_that_could_not_be_asked_for_on_a_reset_connection_is_asked_for_again():
    async def update(client: AIOKafkaClient) -> None:
        assert await client._metadata_update(client.cluster, set()) is False
        async with asyncio.timeout(DEADLINE_S):
            while not await client.force_metadata_update():
                pass

    after_a_reset(update)
