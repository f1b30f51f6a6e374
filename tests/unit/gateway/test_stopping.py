"""Stopping: what is in flight is finished, what is idle is left, and nothing new begins."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.unit.gateway.harness import demo_projects, encoded, event, gateway_with
from tests.unit.gateway.wire import DEADLINE_S, until, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.gateway.harness import Gateway

HEAD = b"POST /collect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer pulse_prod_demo\r\n"
BODY = encoded(event())
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
READY = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Stoppable:
    """A gateway that a test stops, within a deadline."""

    def __init__(self, gateway: Gateway, stack: AsyncExitStack) -> None:
        self.gateway = gateway
        self._stack = stack
        self._stopping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begin to stop; return once nobody listens any more."""
        self._stopping = asyncio.create_task(self._stack.aclose())
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
            while True:
                try:
                    await session.get(self.gateway.url + "/ready", headers={"Connection": "close"})
                except aiohttp.ClientConnectionError:
                    return

    async def end(self) -> None:
        """Wait until it has stopped."""
        assert self._stopping is not None
        async with asyncio.timeout(DEADLINE_S):
            await self._stopping


@pytest.fixture
async def stoppable() -> AsyncIterator[Stoppable]:
    async with AsyncExitStack() as stack:
        serve = {"drain_timeout_s": 10 * DEADLINE_S}
        yield Stoppable(await stack.enter_async_context(gateway_with(demo_projects(), serve=serve)), stack)


async def test_a_request_that_waits_for_kafka_is_answered(stoppable: Stoppable):
    gateway, acknowledged = stoppable.gateway, asyncio.Event()
    publish = gateway.publisher.publish

    async def slow(partition: int, value: bytes, key: bytes | None = None) -> int:
        await acknowledged.wait()
        return await publish(partition, value, key)

    gateway.publisher.publish = slow  # type: ignore[method-assign]
    async with wire(gateway.url) as client:
        await client.send(WHOLE)
        await until(lambda: gateway.intake.load.requests == 1)
        await stoppable.begin()
        acknowledged.set()
        assert (await client.last_answer()).status == 202
    await stoppable.end()
    assert len(gateway.lines()) == 1


async def test_a_body_that_is_on_its_way_is_awaited(stoppable: Stoppable):
    gateway = stoppable.gateway
    async with wire(gateway.url) as client:
        await client.send(WHOLE[:-2])
        await until(lambda: gateway.intake.load.requests == 1)
        await stoppable.begin()
        await client.send(WHOLE[-2:-1], WHOLE[-1:])
        assert (await client.last_answer()).status == 202
    await stoppable.end()
    assert len(gateway.lines()) == 1


async def test_an_idle_connection_is_closed(stoppable: Stoppable):
    async with wire(stoppable.gateway.url) as client, wire(stoppable.gateway.url) as silent:
        await client.send(READY)
        assert (await client.answer()).status == 200
        await stoppable.begin()
        assert await client.rest() == b""
        assert await silent.rest() == b""
    await stoppable.end()


async def test_no_further_request_begins_on_a_connection_that_was_busy(stoppable: Stoppable):
    gateway = stoppable.gateway
    async with wire(gateway.url) as client:
        await client.send(WHOLE[:-1])
        await until(lambda: gateway.intake.load.requests == 1)
        await stoppable.begin()
        await client.send(WHOLE[-1:] + WHOLE)
        assert (await client.last_answer()).status == 202
    await stoppable.end()
    assert len(gateway.lines()) == 1


async def test_what_takes_too_long_is_left_and_the_end_comes_all_the_same():
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_with(demo_projects(), serve={"drain_timeout_s": 0.01}))
        async with wire(gateway.url) as client:
            await client.send(WHOLE[:-1])
            await until(lambda: gateway.intake.load.requests == 1)
            async with asyncio.timeout(DEADLINE_S):
                await stack.aclose()
            assert await client.rest() == b""
    assert not gateway.lines()
