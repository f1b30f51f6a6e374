"""What is no HTTP, and clients that are slow, silent or too many."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.harness import encoded, event
from tests.unit.gateway.wire import until, wire

from sluice.gateway.connection import INCOMPLETE, MAX_LINE_BYTES, NOT_HTTP, TOO_LONG

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Gateway

KEY = b"pulse_prod_demo"
HEADERS = b"Host: localhost\r\nAuthorization: Bearer " + KEY + b"\r\n"
POST = b"POST /collect HTTP/1.1\r\n" + HEADERS
READY = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


def valid(headers: bytes = b"", body: bytes | None = None) -> bytes:
    body = encoded(event()) if body is None else body
    return POST + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


NO_HTTP = {
    "garbage": b"\x00\x01\x02" + KEY + b"\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + KEY + bytes(100),
    "HTTP/0.9": b"GET /collect?api_key=" + KEY + b"\r\n\r\n",
    "HTTP/0.9 by name": POST.replace(b"HTTP/1.1", b"HTTP/0.9") + b"\r\n",
    "HTTP/1.9": POST.replace(b"HTTP/1.1", b"HTTP/1.9") + b"\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": POST.replace(b"POST", b"BREW") + b"\r\n",
    "a method in lower case": POST.replace(b"POST", b"post") + b"\r\n",
    "no version": b"POST /collect HTTP\r\n" + HEADERS + b"\r\n",
    "a host that is none": b"GET http://[" + KEY + b" HTTP/1.1\r\n" + HEADERS + b"\r\n",
    "bytes beyond ASCII in the path": b"GET /\xff?api_key=" + KEY + b" HTTP/1.1\r\n" + HEADERS + b"\r\n",
    "no Host": b"GET /ready?api_key=" + KEY + b" HTTP/1.1\r\n\r\n",
    "two Hosts": POST + b"Host: localhost\r\n\r\n",
    "a header without a colon": POST + KEY + b"\r\n\r\n",
    "a space before the colon": POST + b"X-Key : " + KEY + b"\r\n\r\n",
    "a header without a name": POST + b": " + KEY + b"\r\n\r\n",
    "a folded header": POST + b"X-Key: a\r\n " + KEY + b"\r\n\r\n",
    "NUL in a header": POST + b"X-Key: \x00" + KEY + b"\r\n\r\n",
    "lines that end in LF": POST.replace(b"\r\n", b"\n") + b"\n",
    "129 headers": POST + b"X-Key: " + KEY + b"\r\n" + b"A: b\r\n" * 126 + b"\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a length that is no number": POST + b"Content-Length: " + KEY + b"\r\n\r\n{}",
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "chunks and a length": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks that are not the last coding": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "another transfer coding": POST + b"Transfer-Encoding: gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a bad first chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n" + KEY + b"\r\n{}\r\n0\r\n\r\n",
    "a negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_400_and_the_end_of_the_connection(gateway: Gateway, sent, caplog):
    caplog.set_level(logging.DEBUG)
    async with wire(gateway.url) as client:
        await client.send(sent)
        answer = await client.last_answer()
    assert (answer.status, answer.json) == (400, {"error": NOT_HTTP})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["server"] == "sluice"
    assert answer.headers["x-request-id"]
    assert KEY.decode() not in caplog.text
    assert not gateway.lines()


LONG = b"a" * MAX_LINE_BYTES
TOO_LONG_LINES = {
    "a request line": b"GET /" + KEY + LONG + b" HTTP/1.1\r\n" + HEADERS + b"\r\n",
    "a header": POST + b"X-Key: " + KEY + LONG + b"\r\n\r\n",
    "a header's name": POST + KEY + LONG + b": a\r\n\r\n",
    "a header that never ends": POST + b"X-Key: " + KEY + b"a" * 100_000,
}


@pytest.mark.parametrize("sent", TOO_LONG_LINES.values(), ids=TOO_LONG_LINES)
async def test_a_line_that_is_too_long_is_400(gateway: Gateway, sent):
    async with wire(gateway.url) as client:
        await client.send(sent)
        answer = await client.last_answer()
    assert (answer.status, answer.json) == (400, {"error": TOO_LONG})


async def test_a_header_of_8190_bytes_passes(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(valid(b"X: " + LONG[1:] + b"\r\n"))
        assert (await client.answer()).status == 202


LATER = {
    "a bad chunk": b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than it says": b"{}{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
async def test_a_body_that_goes_wrong_on_its_way_is_400_in_the_apis_shape_at_once(gateway: Gateway, later):
    async with wire(gateway.url) as client:
        await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}")
        await until(lambda: gateway.intake.load.requests == 1)
        await client.send(later)
        answer = await client.last_answer()
    assert (answer.status, answer.json["error"]) == (400, "Body is incomplete")
    assert answer.json.keys() == {"success", "error", "timestamp"}


INCOMPLETE_BODIES = {
    "a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{",
    "the last chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "a length": valid()[:-1],
    "a length, nothing sent": valid(body=b"{}")[:-2],
}


@pytest.mark.parametrize("sent", INCOMPLETE_BODIES.values(), ids=INCOMPLETE_BODIES)
async def test_a_client_that_ends_within_its_body_is_told_so(gateway: Gateway, sent):
    async with wire(gateway.url) as client:
        await client.send(sent)
        client.end()
        answer = await client.last_answer()
    assert (answer.status, answer.json["error"]) == (400, "Body is incomplete")
    assert not gateway.lines()


async def test_a_client_that_ends_within_its_head_is_told_so(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(POST)
        client.end()
        answer = await client.last_answer()
    assert (answer.status, answer.json) == (400, {"error": INCOMPLETE})


async def test_a_client_that_ends_after_its_request_gets_its_answer(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(valid())
        client.end()
        assert (await client.last_answer()).status == 202
    assert len(gateway.lines()) == 1


@pytest.mark.parametrize("number", [2, 3, 5])
async def test_a_client_that_ends_after_pipelined_requests_gets_all_its_answers(gateway: Gateway, number: int):
    async with wire(gateway.url) as client:
        await client.send(valid() * number)
        client.end()
        answers = [await client.answer() for _ in range(number - 1)] + [await client.last_answer()]
    assert [answer.status for answer in answers] == [202] * number
    assert len(gateway.lines()) == number


async def test_a_client_that_ends_within_a_pipelined_body_is_told_so_after_the_answers_before(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(valid() * 2 + valid()[:-1])
        client.end()
        assert [(await client.answer()).status for _ in range(2)] == [202, 202]
        answer = await client.last_answer()
    assert (answer.status, answer.json["error"]) == (400, "Body is incomplete")
    assert len(gateway.lines()) == 2


async def test_a_client_that_says_nothing_and_ends_gets_nothing(gateway: Gateway):
    async with wire(gateway.url) as client:
        client.end()
        assert await client.rest() == b""


@pytest.mark.parametrize("path", [b"/collect", b"/nowhere"])
async def test_an_expectation_that_nobody_meets_is_417_and_not_quoted(gateway: Gateway, path):
    async with wire(gateway.url) as client:
        head = valid(b"Expect: " + KEY + b"\r\nX-Request-Id: mine\r\nOrigin: https://shop.example\r\n")
        await client.send(head.replace(b"/collect", path))
        answer = await client.last_answer()
    assert (answer.status, answer.json) == (417, {"error": "Expectation Failed"})
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_client_that_expects_100_continue_is_asked_for_its_body(gateway: Gateway):
    request = valid(b"Expect: 100-continue\r\n")
    head, _, body = request.partition(b"\r\n\r\n")
    async with wire(gateway.url) as client:
        await client.send(head + b"\r\n\r\n")
        assert (await client.answer()).status == 100
        await client.send(body)
        assert (await client.answer()).status == 202


async def test_pipelined_requests_are_answered_in_order(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(valid() + valid(body=b"{") + READY + valid())
        answers = [await client.answer() for _ in range(4)]
    assert [answer.status for answer in answers] == [202, 400, 200, 202]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4
    assert len(gateway.lines()) == 2


async def test_what_is_sent_ahead_is_not_read_ahead(gateway: Gateway):
    acknowledged = asyncio.Event()
    publish = gateway.publisher.publish

    async def slow(partition: int, value: bytes, key: bytes | None = None) -> int:
        await acknowledged.wait()
        return await publish(partition, value, key)

    gateway.publisher.publish = slow  # type: ignore[method-assign]
    ahead = valid(body=encoded(event(extra="a" * 500_000))) * 31
    async with wire(gateway.url) as client:
        await client.send(valid())
        await until(lambda: gateway.intake.load.requests == 1)
        await client.send(ahead)
        for _ in range(1000):  # turns of the loop, in each of which the gateway could read more
            await asyncio.sleep(0)
        unsent_bytes = client.unsent_bytes
        acknowledged.set()
        assert unsent_bytes  # the kernels on the way take some
        assert [(await client.answer()).status for _ in range(32)] == [202] * 32


async def test_a_request_may_come_byte_by_byte(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(*(bytes([byte]) for byte in valid()))
        assert (await client.answer()).status == 202


async def test_a_connection_is_kept_after_an_answer_and_closed_where_the_client_says_so(gateway: Gateway):
    async with wire(gateway.url) as client:
        for sent, status in ((valid(), 202), (valid(body=b"{"), 400)):
            await client.send(sent)
            answer = await client.answer()
            assert (answer.status, answer.headers.get("connection")) == (status, None)
        await client.send(valid(b"Connection: close\r\n"))
        answer = await client.last_answer()
        assert (answer.status, answer.headers["connection"]) == (202, "close")


async def test_a_client_of_http_1_0_is_answered_and_left(gateway: Gateway):
    async with wire(gateway.url) as client:
        await client.send(valid().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await client.last_answer()).status == 202


UPGRADE = b"Connection: Upgrade\r\nUpgrade: "


LEAVING_HTTP = {
    "a websocket": (valid(UPGRADE + b"websocket\r\n"), 202),
    "a websocket in another case": (valid(UPGRADE + b"WebSocket\r\n"), 202),
    "a tunnel": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
}


@pytest.mark.parametrize(("sent", "status"), LEAVING_HTTP.values(), ids=LEAVING_HTTP)
async def test_a_request_that_asks_to_leave_http_is_answered_as_any_other_and_is_the_last(
    gateway: Gateway, sent: bytes, status: int
):
    async with wire(gateway.url) as client:
        await client.send(sent + POST + b"Content-Length: 100\r\n\r\n{}")
        answer = await client.last_answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")


async def test_a_client_that_would_rather_speak_http_2_keeps_its_connection(gateway: Gateway):
    async with wire(gateway.url) as client:
        for _ in range(2):
            await client.send(valid(UPGRADE + b"h2c\r\n"))
            answer = await client.answer()
            assert (answer.status, answer.headers.get("connection")) == (202, None)
