"""API 2 over HTTP: what is too large, too many or too odd for a file of recorded requests."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.gateway.harness import DEMO, LOAD, NOW, Gateway, demo_projects, encoded, gateway_with

from sluice.contract import projects
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects import events

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Answer

CLICK = {"type": "click"}


async def send(gateway: Gateway, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return await gateway.send("/collect/event", encoded(body), DEMO if headers is None else headers)


async def send_events(gateway: Gateway, *sent: Any) -> Answer:
    return await send(gateway, {"messageBody": sent})


def message(answer: Answer) -> str:
    """What an answer says that refuses, in the API's shape."""
    assert answer.json.keys() == {"error", "message", "statusCode"}
    assert answer.json["statusCode"] == answer.status
    return str(answer.json["message"])


def settings(**changes: Any) -> projects.Projects:
    return projects.parse(demo_projects().model_dump(mode="json") | changes)


def demo_with(**changes: Any) -> projects.Projects:
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"] |= changes
    return projects.parse(document)


# Sizes


async def test_1000_events_pass_and_1001_do_not(gateway: Gateway):
    answer = await send_events(gateway, *[CLICK] * 1000)
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (201, "999")
    answer = await send_events(gateway, *[CLICK] * 1001)
    assert (answer.status, message(answer)) == (400, "messageBody must be an array of 1 to 1000 events")
    assert len(gateway.lines()) == 1000


def padded(size: int) -> bytes:
    """A valid request of exactly so many bytes."""
    short = encoded({"messageBody": [CLICK | {"padding": ""}]})
    return encoded({"messageBody": [CLICK | {"padding": "x" * (size - len(short))}]})


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
async def test_a_body_of_10_mib_passes_and_one_of_a_byte_more_does_not(gateway: Gateway, headers: dict[str, str]):
    def sent(size: int) -> bytes:
        return gzip.compress(padded(size), 1) if headers else padded(size)

    assert (await send(gateway, sent(MAX_BYTES), DEMO | headers)).status == 201
    answer = await send(gateway, sent(MAX_BYTES + 1), DEMO | headers)
    assert (answer.status, message(answer)) == (413, "Body exceeds 10 MiB")
    assert answer.json["error"] == "Content Too Large"
    assert answer.headers["X-RateLimit-Remaining"] == "999"
    assert len(gateway.lines()) == 1


async def test_a_messageheader_of_10_mib_over_all_events_passes_and_a_byte_more_does_not(gateway: Gateway):
    def request(header_bytes: int) -> dict[str, Any]:
        return {"messageheader": {"a": "x" * (header_bytes - len('{"a": ""}'))}, "messageBody": [CLICK] * 512}

    share = events.MAX_HEADER_BYTES // 512
    assert share * 512 == events.MAX_HEADER_BYTES
    assert (await send(gateway, request(share))).status == 201
    answer = await send(gateway, request(share + 1))
    assert answer.status == 413
    assert message(answer).startswith("messageheader is kept with each event and would take over 10 MiB: send fewer")
    assert len(gateway.lines()) == 512


async def test_a_large_messageheader_is_good_for_one_event(gateway: Gateway):
    header = {"a": "x" * 9_000_000}
    assert (await send(gateway, {"messageheader": header, "messageBody": [CLICK]})).status == 201
    answer = await send(gateway, {"messageheader": header, "messageBody": [CLICK, CLICK]})
    assert answer.status == 413


# Odd bodies


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000])
async def test_100_000_brackets_are_refused_wherever_they_stand(gateway: Gateway, text: bytes):
    places = (b"%s", b'{"messageBody":[%s', b'{"messageBody":[{"type":"click","x":%s', b'{"messageheader":%s')
    for place in places:
        answer = await send(gateway, place % text)
        assert (answer.status, message(answer)) in {
            (400, "Body is nested deeper than 100 levels"),
            (400, "body must be a JSON object"),
        }
    assert not gateway.lines()


@pytest.mark.parametrize("place", ["event", "header", "beside"])
async def test_100_levels_pass_and_101_do_not_wherever_it_is_deepest(gateway: Gateway, place: str):
    def request(levels: int) -> bytes:
        around = {"event": 3, "header": 2, "beside": 1}[place]
        deep = b"[" * (levels - around) + b"]" * (levels - around)
        event, header, beside = (deep if place == name else b"0" for name in ("event", "header", "beside"))
        return b'{"messageBody":[{"type":"click","x":%s}],"messageheader":{"h":%s},"x":%s}' % (event, header, beside)

    assert (await send(gateway, request(100))).status == 201
    assert message(await send(gateway, request(101))) == "Body is nested deeper than 100 levels"


async def test_depth_comes_before_shape(gateway: Gateway):
    for levels, words in ((99, "messageBody is required"), (100, "Body is nested deeper than 100 levels")):
        answer = await send(gateway, b'{"x":' + b"[" * levels + b"]" * levels + b"}")
        assert message(answer) == words


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
async def test_invalid_utf8_is_refused_wherever_it_stands(gateway: Gateway, bad: bytes):
    for request in (
        {"messageBody": [{"type": "@"}]},
        {"messageBody": [CLICK | {"extra": "@"}]},
        {"messageBody": [CLICK | {"@": 1}]},
        {"messageBody": [CLICK], "messageheader": {"a": "@"}},
        {"messageBody": [CLICK], "@": 1},
    ):
        answer = await send(gateway, encoded(request).replace(b"@", bad))
        assert (answer.status, message(answer)) == (400, "Body must be valid UTF-8")
    assert not gateway.lines()


@pytest.mark.parametrize("value", [b"true", b"[]", b"{}", b"[[1]]", b"9" * 5000, b"1e999", b"-1e999", b'""'], ids=len)
@pytest.mark.parametrize("name", ["type", "eventType", "event_type", "timestamp"])
async def test_a_wrong_value_is_refused_in_each_field(gateway: Gateway, name: str, value: bytes):
    rest = b',"type":"click"' if name == "timestamp" else b""
    answer = await send(gateway, b'{"messageBody":[{"%s":%s%s}]}' % (name.encode(), value, rest))
    assert message(answer) == ("invalid timestamp" if name == "timestamp" else "invalid event type")


@pytest.mark.parametrize("number", [b"9" * 5000, b"18446744073709551616", b"1e999", b"0.1e-999"], ids=len)
async def test_numbers_beyond_64_bits_are_kept(gateway: Gateway, number: bytes):
    sent = b'{"type":"click","userId":%s,"properties":{"n":%s}}' % (number, number)
    assert (await send(gateway, b'{"messageBody":[%s],"messageheader":{"n":%s}}' % (sent, number))).status == 201
    (line,) = gateway.lines()
    assert (bytes(line.event), bytes(line.context.header or b"")) == (sent, b'{"n":%s}' % number)


async def test_of_two_members_of_one_name_the_last_counts_in_the_request_too(gateway: Gateway):
    body = b'{"messageBody":%s,"messageheader":1,"messageBody":[{"type":"click"}],"messageheader":{"a":1}}'
    for first in (b"[{}]", b"1"):
        assert (await send(gateway, body % first)).status == 201
    assert [(bytes(line.event), bytes(line.context.header or b"")) for line in gateway.lines()] == [
        (b'{"type":"click"}', b'{"a":1}')
    ] * 2
    answer = await send(gateway, b'{"messageBody":[{"type":"click"}],"messageBody":null}')
    assert message(answer) == "messageBody is required"


async def test_a_raw_nul_is_refused_and_an_escaped_one_kept(gateway: Gateway):
    assert (await send(gateway, b'{"messageBody":[{"type":"click","x":"\0"}]}')).status == 400
    assert (await send(gateway, b'{"messageBody":[{"type":"click","x":"\\u0000"}]}')).status == 201
    assert gateway.events() == [b'{"type":"click","x":"\\u0000"}']


# Keys


async def test_without_a_keyless_project_a_request_without_a_key_is_401():
    async with gateway_with(settings(keyless_events_project=None)) as gateway:
        answer = await send(gateway, {"messageBody": [CLICK]}, {})
        assert (answer.status, message(answer)) == (401, "invalid api key")
        assert "X-RateLimit-Limit" not in answer.headers
        assert (await send_events(gateway, CLICK)).status == 201


async def test_requests_without_a_key_belong_to_the_keyless_project():
    async with gateway_with(settings(keyless_events_project="load")) as gateway:
        for _ in range(1001):
            answer = await send(gateway, {"messageBody": [{"type": "anything"}]}, {})
            assert answer.status == 201
            assert "X-RateLimit-Limit" not in answer.headers
        assert {line.project for line in gateway.lines()} == {"load"}


async def test_a_project_without_public_keys_takes_no_requests_without_a_key_either():
    async with gateway_with(demo_with(allow_public_keys=False)) as gateway:
        answer = await send(gateway, {"messageBody": [CLICK]}, {})
        assert (answer.status, message(answer)) == (403, "This project does not allow public keys")
        assert (await send_events(gateway, CLICK)).status == 201


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer \xff"}, {"X-API-Key": "\xff"}])
async def test_a_key_that_is_no_utf8_is_401(gateway: Gateway, headers: dict[str, str]):
    ((name, value),) = headers.items()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(b"POST /collect/event HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n")
    writer.write(f"{name}: {value}\r\n\r\n{{}}".encode("latin-1"))
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("entry", "status", "words"),
    [
        ({"expires": "2023-12-19T15:53:54.567Z"}, 401, "invalid api key"),
        ({"scopes": ["users:read"]}, 403, "API key lacks the scope events:write"),
        ({"origins": ["https://shop.example"]}, 403, "API key may not be used from this origin"),
    ],
)
async def test_a_key_that_may_not_do_this_is_refused_in_the_apis_shape(entry: Any, status: int, words: str):
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["keys"][1] |= entry
    async with gateway_with(projects.parse(document)) as gateway:
        answer = await send(gateway, {"messageBody": [CLICK]}, {"X-API-Key": "demo_public"})
        assert (answer.status, message(answer)) == (status, words)


# Event types


async def test_a_project_names_its_event_types():
    async with gateway_with(demo_with(event_types=["signed up", "é"])) as gateway:
        assert (await send_events(gateway, {"type": "signed up"}, {"type": "é"})).status == 201
        assert message(await send_events(gateway, {"type": "signed up"}, CLICK)) == "invalid event type"


# Limits


async def test_a_burst_of_1000_requests_passes_and_the_next_ones_do_not_until_the_window_ends(gateway: Gateway):
    first = await send_events(gateway, CLICK)
    gateway.clock.now_ms += 30_000
    for left in range(998, -1, -1):
        answer = await send_events(gateway, CLICK)
        assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (201, str(left))
    answer = await send_events(gateway, CLICK)
    assert (answer.status, message(answer), answer.json["error"]) == (429, "Rate limit exceeded", "Too Many Requests")
    assert answer.headers["Retry-After"] == "30"
    assert answer.headers["X-RateLimit-Reset"] == first.headers["X-RateLimit-Reset"]
    gateway.clock.now_ms += 1000 * int(answer.headers["Retry-After"])
    statuses = [(await send_events(gateway, CLICK)).status for _ in range(1001)]
    assert statuses == [201] * 1000 + [429]


async def test_reset_is_the_second_in_which_everything_passes_again(gateway: Gateway):
    gateway.clock.now_ms = NOW - NOW % 1000  # on the second
    whole = await send_events(gateway, CLICK)
    assert int(whole.headers["X-RateLimit-Reset"]) == gateway.clock.now_ms // 1000 + 60
    gateway.clock.now_ms += 60_001
    later = await send_events(gateway, CLICK)
    assert int(later.headers["X-RateLimit-Reset"]) == gateway.clock.now_ms // 1000 + 61


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"messageBody":[]}', b'{"messageBody":[{"type":"click"},{}]}'])
async def test_a_request_that_is_refused_costs_nothing(gateway: Gateway, body: bytes):
    answer = await send(gateway, body)
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (400, "1000")


async def test_of_several_rules_the_headers_tell_of_the_one_nearest_to_its_limit():
    rules = [
        {"kind": "fixed_window", "limit": 5, "per_s": 60},
        {"kind": "fixed_window", "limit": 2, "per_s": 1},
    ]
    async with gateway_with(demo_with(limits={"events": rules})) as gateway:
        gateway.clock.now_ms = NOW - NOW % 1000
        answer = await send_events(gateway, CLICK)
        assert [answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == [
            "2",
            "1",
            str(gateway.clock.now_ms // 1000 + 1),
        ]


# Neighbours


async def test_503_while_kafka_is_away_and_201_once_it_is_back(gateway: Gateway):
    gateway.publisher.away = True
    answer = await send_events(gateway, CLICK)
    assert (answer.status, message(answer)) == (503, "Service unavailable, try again later")
    assert answer.json["error"] == "Service Unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-RateLimit-Remaining"] == "1000"
    gateway.publisher.away = False
    assert (await send_events(gateway, CLICK)).status == 201


async def test_an_unforeseen_error_is_a_500_in_the_apis_shape_that_gives_nothing_away(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
):
    async def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(gateway.publisher, "publish", broken)
    answer = await send_events(gateway, CLICK)
    assert (answer.status, message(answer), answer.json["error"]) == (
        500,
        "Internal server error",
        "Internal Server Error",
    )
    assert b"secret" not in answer.body


async def test_a_raw_line_tells_all_that_the_processors_need(gateway: Gateway):
    headers = DEMO | {"User-Agent": "shop/1.0", "Idempotency-Key": "key-1", "X-Request-Id": "request-9"}
    answer = await send(gateway, {"messageheader": {"a": 1}, "messageBody": [CLICK, CLICK]}, headers)
    ping_id = json.loads(answer.json["value"])["pingId"]
    first, second = gateway.lines()
    assert (first.index, second.index) == (0, 1)
    for line in (first, second):
        assert (line.project, line.api, line.request_id) == ("demo", "events", "request-9")
        assert (line.received_at, line.idempotency_key, line.key) == (NOW, "key-1", "demo/id/key-1")
        assert (line.client.ip, line.client.user_agent) == ("127.0.0.1", "shop/1.0")
        assert (line.context.ping_id, bytes(line.context.header or b"")) == (ping_id, b'{"a": 1}')


async def test_events_of_a_project_without_limits_all_pass(gateway: Gateway):
    for _ in range(3):
        answer = await send(gateway, {"messageBody": [CLICK] * 1000}, LOAD)
        assert answer.status == 201
        assert not [name for name in answer.headers if name.startswith("X-RateLimit")]
