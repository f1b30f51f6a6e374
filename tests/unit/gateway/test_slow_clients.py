"""Clients that take their time. Limits are tiny here; what counts is the order of events, never how long they took.

A silent connection that was opened later, and has been closed for its silence, shows that a head's time is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.gateway.harness import demo_projects, encoded, event, gateway_with
from tests.unit.gateway.wire import DEADLINE_S, Wire, until, wire

from sluice.gateway.connection import TOO_SLOW
from sluice.gateway.connections import Patience, Traffic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.gateway.harness import Gateway

SHORT_S = 0.05
LONG_S = 3600.0
HEAD = b"POST /collect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer pulse_prod_demo\r\n"
BODY = encoded(event())
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
READY = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def patient(
    head_s: float = LONG_S, body_s: float = LONG_S, answer_s: float = LONG_S, idle_s: float = LONG_S, **serve: Any
) -> AsyncIterator[Gateway]:
    patience = Patience(head_s=head_s, answer_s=answer_s, idle_s=idle_s)
    async with gateway_with(demo_projects(), serve={"patience": patience, **serve}, body_timeout_s=body_s) as gateway:
        yield gateway


@asynccontextmanager
async def opened(gateway: Gateway) -> AsyncIterator[Wire]:
    """A connection that has had an answer: the time of a further head begins with its first byte."""
    async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE_S):
        while True:  # on a slow machine, the time for the first head may be over before it is sent
            client = await stack.enter_async_context(wire(gateway.url))
            await client.send(READY)
            with contextlib.suppress(asyncio.IncompleteReadError):
                await client.answer()
                break
        yield client


async def until_heads_are_late(gateway: Gateway) -> None:
    async with wire(gateway.url) as silent:
        assert await silent.rest() == b""


async def test_a_connection_that_says_nothing_is_closed():
    async with patient(head_s=SHORT_S) as gateway, wire(gateway.url) as client:
        assert await client.rest() == b""


@pytest.mark.parametrize("begun", [b"P", HEAD, HEAD + b"\r"], ids=["a byte", "no end", "almost"])
async def test_a_head_that_does_not_come_to_its_end_is_408(begun):
    async with patient(head_s=SHORT_S) as gateway, opened(gateway) as client:
        await client.send(begun)
        answer = await client.last_answer()
        assert (answer.status, answer.json) == (408, {"error": TOO_SLOW})
        assert answer.headers["x-request-id"]


async def test_further_bytes_of_a_head_win_no_time():
    async with patient(head_s=SHORT_S) as gateway, opened(gateway) as client:
        await client.send(HEAD + b"X: ")
        answering = asyncio.create_task(client.answer())
        async with asyncio.timeout(DEADLINE_S):
            while not answering.done():
                await client.send(b"a")
                await asyncio.sleep(0.001)
        assert (await answering).status == 408


async def test_the_time_of_a_further_head_begins_with_its_first_byte():
    async with patient(head_s=SHORT_S) as gateway, opened(gateway) as client:
        for _ in range(2):
            await until_heads_are_late(gateway)
            await client.send(WHOLE)
            assert (await client.answer()).status == 202


async def test_the_first_head_has_its_time_too():
    async with patient(head_s=SHORT_S) as gateway, asyncio.timeout(DEADLINE_S):
        while True:
            async with wire(gateway.url) as client:
                await client.send(HEAD)
                if answer := await client.rest():  # nothing, where the time was over before the head began
                    break
        assert answer.split()[1] == b"408"


async def test_the_time_of_a_head_is_not_that_of_its_body():
    async with patient(head_s=SHORT_S) as gateway, opened(gateway) as client:
        await client.send(WHOLE[:-1])
        await until_heads_are_late(gateway)
        await client.send(WHOLE[-1:])
        assert (await client.answer()).status == 202


async def test_empty_lines_are_no_begin_of_a_head():
    async with patient(head_s=SHORT_S) as gateway, wire(gateway.url) as client:
        await client.send(b"\r\n\r\n")
        assert await client.rest() == b""
    async with patient() as gateway, wire(gateway.url) as client:
        await client.send(b"\r\n\r\n", READY)
        assert (await client.answer()).status == 200


async def test_empty_lines_after_a_request_do_not_end_the_connection():
    async with patient(head_s=SHORT_S) as gateway, opened(gateway) as client:
        await client.send(b"\r\n")
        await until_heads_are_late(gateway)
        await client.send(READY)
        assert (await client.answer()).status == 200


async def test_an_idle_connection_is_closed_without_a_word():
    async with patient(idle_s=SHORT_S) as gateway, wire(gateway.url) as client:
        await client.send(WHOLE)
        assert (await client.last_answer()).status == 202


async def test_a_connection_is_not_idle_once_a_head_has_begun():
    async with patient(idle_s=SHORT_S) as gateway, wire(gateway.url) as client:
        await client.send(WHOLE[:10])
        await until_idle_ones_are_closed(gateway)
        await client.send(WHOLE[10:])
        assert (await client.last_answer()).status == 202


async def test_a_connection_is_not_idle_before_its_first_head():
    async with patient(idle_s=SHORT_S) as gateway, wire(gateway.url) as client:
        await client.send(b"\r\n")
        await until_idle_ones_are_closed(gateway)
        await client.send(WHOLE)
        assert (await client.last_answer()).status == 202


async def until_idle_ones_are_closed(gateway: Gateway) -> None:
    async with wire(gateway.url) as idle:
        await idle.send(READY)
        assert (await idle.last_answer()).status == 200


BEGUN_BODIES = {
    "a length": WHOLE[:-1],
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "nothing of it": HEAD + b"Content-Length: 2\r\n\r\n",
    "unauthenticated": WHOLE[:-1].replace(b"pulse_prod_demo", b"nobody"),
}


@pytest.mark.parametrize("begun", BEGUN_BODIES.values(), ids=BEGUN_BODIES)
async def test_a_body_that_does_not_come_to_its_end_is_408_in_the_apis_shape(begun):
    async with patient(body_s=SHORT_S) as gateway, wire(gateway.url) as client:
        await client.send(begun)
        answer = await client.answer()
        assert (answer.status, answer.json["error"]) == (408, "Body did not arrive in time")
        assert answer.json.keys() == {"success", "error", "timestamp"}
        assert answer.headers["connection"] == "close"
        assert gateway.intake.load.requests == gateway.intake.load.body_bytes == 0
        assert not gateway.lines()


async def test_further_bytes_of_a_body_win_no_time():
    async with patient(body_s=SHORT_S) as gateway, wire(gateway.url) as client:
        await client.send(HEAD + b"Content-Length: 10000000\r\n\r\n")
        answering = asyncio.create_task(client.answer())
        async with asyncio.timeout(DEADLINE_S):
            while not answering.done():
                await client.send(b" ")
        assert (await answering).status == 408


async def test_the_others_are_answered_meanwhile():
    async with patient() as gateway, wire(gateway.url) as slow_head, wire(gateway.url) as slow_body:
        await slow_head.send(HEAD)
        await slow_body.send(WHOLE[:-1])
        await until(lambda: gateway.intake.load.requests == 1)
        assert (await gateway.collect(event())).status == 202
        await slow_body.send(WHOLE[-1:])
        assert (await slow_body.answer()).status == 202


@asynccontextmanager
async def client_that_reads_little(url: str) -> AsyncIterator[Wire]:
    """A client whose kernel takes a few kilobytes, and whose reader takes some more before it is asked."""
    with socket.socket() as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        kernel.setblocking(False)
        await asyncio.get_running_loop().sock_connect(kernel, ("127.0.0.1", int(url.rpartition(":")[2])))
        reader, writer = await asyncio.open_connection(sock=kernel)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()


DOCUMENT = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_a_client_that_does_not_read_its_answers_is_dropped():
    traffic = Traffic()
    async with patient(answer_s=SHORT_S, traffic=traffic) as gateway, client_that_reads_little(gateway.url) as client:
        await client.send(READY)
        await until(lambda: traffic.open == 1)
        async with asyncio.timeout(DEADLINE_S):
            while traffic.open:  # until what it does not read is more than all the kernels on the way take
                await client.send(DOCUMENT)
                await asyncio.sleep(0.001)


async def test_a_client_that_has_read_on_in_time_is_not_dropped_later():
    traffic = Traffic()
    async with patient(answer_s=1.0, traffic=traffic) as gateway, client_that_reads_little(gateway.url) as late:
        await late.send(DOCUMENT * 100)
        for _ in range(100):
            assert (await late.answer()).status == 200
        async with client_that_reads_little(gateway.url) as lost, asyncio.timeout(DEADLINE_S):
            await lost.send(READY)
            await until(lambda: traffic.open == 2)
            while traffic.open == 2:
                await lost.send(DOCUMENT)
                await asyncio.sleep(0.001)
        await late.send(READY)
        assert (await late.answer()).status == 200


async def test_a_client_that_reads_late_gets_all_of_its_answers():
    async with patient() as gateway, client_that_reads_little(gateway.url) as client:
        whole = (await gateway.send("/openapi.json", method="GET", headers={"Accept-Encoding": "identity"})).body
        await client.send(DOCUMENT * 30)
        assert (await gateway.collect(event())).status == 202  # the gateway has had its turn with them
        for _ in range(30):
            assert (await client.answer()).body == whole


async def test_a_connection_too_many_is_closed_at_once_and_leaves_the_others_alone():
    traffic = Traffic()
    async with patient(max_connections=2, traffic=traffic) as gateway:
        async with wire(gateway.url) as first:
            await first.send(READY)
            assert (await first.answer()).status == 200
            async with wire(gateway.url) as second:
                await second.send(READY)
                assert (await second.answer()).status == 200
                async with wire(gateway.url) as third:
                    await third.send(READY)
                    assert await third.rest() == b""
                await first.send(READY)
                assert (await first.answer()).status == 200
            await until(lambda: traffic.open == 1)
            async with wire(gateway.url) as next_one:
                await next_one.send(READY)
                assert (await next_one.answer()).status == 200
        assert traffic.turned_away == 1
    assert traffic.open == 0


async def test_what_never_became_a_request_is_counted():
    traffic = Traffic()
    async with patient(head_s=SHORT_S, traffic=traffic) as gateway:
        for sent in (b"\0", HEAD):
            async with opened(gateway) as client:
                await client.send(sent)
                await client.last_answer()
        assert traffic.unreadable == 2
        await gateway.collect(event())
        assert traffic.unreadable == 2
