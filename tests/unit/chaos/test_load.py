"""The clients of a run before a gateway that answers as it is told to: what they note of each answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from tests.chaos.load import CLIENTS, NO_ANSWER, Load
from tests.chaos.merges import MERGE, merge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE_S = 30.0
REQUESTS = 5 * CLIENTS


class Server:
    """Answers every request with one status, or, where that is `NO_ANSWER`, breaks the connection off."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 202
        self.bodies: list[bytes] = []
        self.enough = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        if len(self.bodies) >= REQUESTS:
            self.enough.set()
        if self.status == NO_ANSWER:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.status or 500, text="why")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def run_until_enough(server: Server) -> Load:
    load = Load(server.url, seed=7)
    async with asyncio.timeout(DEADLINE_S):
        await load.run(server.enough)
    return load


async def test_events_of_a_request_that_was_answered_with_a_2xx_are_accepted(server: Server):
    load = await run_until_enough(server)
    assert load.accepted
    assert load.statuses[202] >= REQUESTS - CLIENTS
    assert load.refusals == []
    assert set(load.statuses) <= {202, NO_ANSWER}, "some clients give up early"


@pytest.mark.parametrize("status", [503, 500, 408, NO_ANSWER])
async def test_without_a_2xx_nothing_is_accepted_and_it_is_no_refusal(server: Server, status: int):
    server.status = status
    load = await run_until_enough(server)
    assert load.accepted == []
    assert load.others
    assert load.refusals == []


@pytest.mark.parametrize("status", [400, 429])
async def test_a_4xx_is_told_for_every_request_is_valid(server: Server, status: int):
    server.status = status
    load = await run_until_enough(server)
    assert load.accepted == []
    assert load.refusals[0].endswith(f"was answered with {status}: why")
    assert len(load.refusals) == load.statuses[status]


async def test_no_request_is_sent_twice(server: Server):
    server.status = NO_ANSWER
    await run_until_enough(server)
    assert len(set(server.bodies)) == len(server.bodies)


async def test_merges_go_on_while_clickhouse_breaks_them_off(server: Server):
    server.status = NO_ANSWER
    merging = asyncio.create_task(merge(server.url, every_s=0.001))
    async with asyncio.timeout(DEADLINE_S):
        await server.enough.wait()
    merging.cancel()
    await asyncio.wait({merging})
    assert set(server.bodies) == {MERGE.encode()}
