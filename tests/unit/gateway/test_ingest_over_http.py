"""API 3 over HTTP: what is too large, too many or too odd for a file of recorded requests."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.gateway.harness import DEMO, LOAD, NOW, Gateway, demo_projects, encoded, gateway_with

from sluice.contract import projects
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects.ingest_body import FIELDS, MAX_DETAILS

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Answer

PUBLIC = {"Authorization": "Bearer demo_public"}


def event(**changes: Any) -> dict[str, Any]:
    """The document's event; `...` takes a field out."""
    fields = {
        "eventName": "page_viewed",
        "timestamp": "2023-12-19T15:53:54.567Z",
        "anonymousId": "anon-123",
        "sessionId": "sess-456",
        "consentGiven": True,
    } | changes
    return {name: value for name, value in fields.items() if value is not ...}


async def send(gateway: Gateway, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return await gateway.send("/v1/ingest", encoded(body), DEMO if headers is None else headers)


async def ingest(gateway: Gateway, *events: Any, headers: dict[str, str] | None = None) -> Answer:
    return await send(gateway, {"events": events}, headers)


def details(answer: Answer) -> list[str]:
    """What is wrong with a request, in the API's shape."""
    assert answer.status == 400
    assert answer.json.keys() == {"error", "details"}
    assert answer.json["error"] == "Validation failed"
    found: list[str] = answer.json["details"]
    return found


# Sizes


async def test_1000_events_pass_and_1001_do_not(gateway: Gateway):
    answer = await ingest(gateway, *[event()] * 1001)
    assert details(answer) == ["events must contain 1 to 1000 events"]
    answer = await ingest(gateway, *[event()] * 1000)
    assert (answer.status, answer.json) == (202, {"accepted": 1000})
    assert len(gateway.lines()) == 1000


def padded(size: int) -> bytes:
    """A valid request of exactly so many bytes."""
    short = encoded({"events": [event(padding="")]})
    return encoded({"events": [event(padding="x" * (size - len(short)))]})


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
async def test_a_body_of_10_mib_passes_and_one_of_a_byte_more_does_not(gateway: Gateway, headers: dict[str, str]):
    def sent(size: int) -> bytes:
        return gzip.compress(padded(size), 1) if headers else padded(size)

    assert (await send(gateway, sent(MAX_BYTES), DEMO | headers)).status == 202
    answer = await send(gateway, sent(MAX_BYTES + 1), DEMO | headers)
    assert (answer.status, answer.json) == (413, {"error": "Body exceeds 10 MiB"})
    assert len(gateway.lines()) == 1


# Problems


async def test_1000_events_full_of_problems_are_answered_in_a_few_kilobytes(gateway: Gateway):
    wrong = dict.fromkeys(FIELDS, 7)
    answer = await ingest(gateway, *[wrong] * 1000)
    found = details(answer)
    assert len(found) == MAX_DETAILS + 1
    assert found[-1] == f"... and {1000 * len(FIELDS) - MAX_DETAILS} more"
    assert len(answer.body) < 10_000


async def test_an_event_of_a_million_wrong_properties_has_one_problem(gateway: Gateway):
    properties = b",".join(b'"%d":0' % number for number in range(700_000))
    body = encoded({"events": [event(properties="@")]}).replace(b'"@"', b"{" + properties + b"}")
    assert details(await send(gateway, body)) == ["Event 0: properties must be an object of strings"]


@pytest.mark.parametrize(
    "value", [b"1", b"true", b"[]", b"[[[]]]", b"{}", b'{"a":[{}]}', b"9" * 5000, b"-1e999"], ids=len
)
@pytest.mark.parametrize("name", FIELDS)
async def test_a_wrong_type_is_refused_in_each_field_with_one_problem(gateway: Gateway, name: str, value: bytes):
    if (name, value) in {("consentGiven", b"true"), ("properties", b"{}")}:
        return
    body = encoded({"events": [event(**{name: "@"})]}).replace(b'"@"', value)
    (problem,) = details(await send(gateway, body))
    assert problem.startswith(f"Event 0: {name} must be ")
    assert not gateway.lines()


async def test_what_is_wrong_elsewhere_does_not_hide_good_properties_nor_excuse_bad_ones(gateway: Gateway):
    found = details(await ingest(gateway, event(os=1, properties={"a": "b"}), event(os=1, properties={"a": 1})))
    assert found == [
        "Event 0: os must be a string",
        "Event 1: properties must be an object of strings",
        "Event 1: os must be a string",
    ]


# Odd bodies


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000])
async def test_100_000_brackets_are_refused_wherever_they_stand(gateway: Gateway, text: bytes):
    for place in (b"%s", b'{"events":[%s', b'{"events":[{"properties":%s'):
        (problem,) = details(await send(gateway, place % text))
        assert problem in {"Body is nested deeper than 100 levels", "body must be valid JSON"}


async def test_depth_comes_before_shape(gateway: Gateway):
    for levels, words in ((99, "events is required"), (100, "Body is nested deeper than 100 levels")):
        answer = await send(gateway, b'{"x":' + b"[" * levels + b"]" * levels + b"}")
        assert details(answer) == [words]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
async def test_invalid_utf8_is_refused_wherever_it_stands(gateway: Gateway, bad: bytes):
    for request in (
        {"events": [event(userId="@")]},
        {"events": [event(extra="@")]},
        {"events": [event(properties={"@": ""})]},
        {"events": [event()], "@": 1},
    ):
        answer = await send(gateway, encoded(request).replace(b"@", bad))
        assert details(answer) == ["Body must be valid UTF-8"]
    assert not gateway.lines()


@pytest.mark.parametrize("number", [b"9" * 5000, b"18446744073709551616", b"1e999", b"0.1e-999"], ids=len)
async def test_numbers_beyond_64_bits_are_kept_in_extra_fields(gateway: Gateway, number: bytes):
    sent = encoded(event(extra="@")).replace(b'"@"', number)
    assert (await send(gateway, b'{"events":[%s]}' % sent)).status == 202
    assert gateway.events() == [sent]


async def test_a_name_in_escapes_is_the_same_name(gateway: Gateway):
    sent = encoded(event()).replace(b"eventName", b"event\\u004eame")
    assert (await send(gateway, b'{"\\u0065vents":[%s]}' % sent)).status == 202
    assert gateway.events() == [sent]


async def test_of_two_members_of_one_name_the_last_counts_in_the_request_too(gateway: Gateway):
    assert (await send(gateway, b'{"events":1,"events":[%s]}' % encoded(event()))).status == 202
    assert details(await send(gateway, b'{"events":[%s],"events":null}' % encoded(event()))) == ["events is required"]


async def test_a_raw_nul_is_refused_and_an_escaped_one_kept(gateway: Gateway):
    sent = encoded({"events": [event(userId="@")]})
    assert (await send(gateway, sent.replace(b"@", b"\0"))).status == 400
    assert (await send(gateway, sent.replace(b"@", b"\\u0000"))).status == 202


# Consent


async def test_without_consent_the_address_does_not_reach_kafka(gateway: Gateway):
    answer = await ingest(gateway, event(), event(consentGiven=False), headers=DEMO | {"User-Agent": "shop/1.0"})
    assert answer.status == 202
    assert [(line.client.ip, line.client.user_agent) for line in gateway.lines()] == [
        ("127.0.0.1", "shop/1.0"),
        ("", "shop/1.0"),
    ]
    ((_, value),) = gateway.publisher.records
    assert b"127.0.0.1" not in value.splitlines()[1]


# Limits


async def test_1000_events_of_a_project_pass_and_the_next_ones_do_not_until_the_window_ends(gateway: Gateway):
    assert (await ingest(gateway, *[event()] * 400)).status == 202
    gateway.clock.now_ms += 30_000
    assert (await ingest(gateway, *[event()] * 600, headers=PUBLIC)).status == 202
    answer = await ingest(gateway, event())
    assert (answer.status, answer.json) == (429, {"error": "Rate limit exceeded"})
    assert answer.headers["Retry-After"] == "30"
    gateway.clock.now_ms += 1000 * int(answer.headers["Retry-After"])
    assert (await ingest(gateway, *[event()] * 1000)).status == 202


async def test_a_key_with_limits_of_its_own_counts_for_itself():
    document = demo_projects().model_dump(mode="json")
    for key in document["projects"]["demo"]["keys"]:
        key["limits"] = {"ingest": [{"kind": "fixed_window", "limit": 2, "per_s": 10}]}
    async with gateway_with(projects.parse(document)) as gateway:
        for headers in (DEMO, PUBLIC):
            assert (await ingest(gateway, event(), event(), headers=headers)).status == 202
            answer = await ingest(gateway, event(), headers=headers)
            assert (answer.status, answer.headers["Retry-After"]) == (429, "10")


async def test_a_keys_own_limits_are_apart_from_its_projects():
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["keys"][1]["limits"] = "documented"
    async with gateway_with(projects.parse(document)) as gateway:
        assert (await ingest(gateway, *[event()] * 1000)).status == 202
        assert (await ingest(gateway, *[event()] * 1000, headers=PUBLIC)).status == 202


async def test_each_project_has_its_own_limit():
    document = demo_projects().model_dump(mode="json")
    document["projects"]["load"]["limits"] = "documented"
    async with gateway_with(projects.parse(document)) as gateway:
        assert (await ingest(gateway, *[event()] * 1000)).status == 202
        assert (await ingest(gateway, event())).status == 429
        assert (await ingest(gateway, *[event()] * 1000, headers=LOAD)).status == 202


# Keys and neighbours


async def test_an_expired_key_is_401_and_a_key_without_the_scope_403_in_the_apis_shape():
    document = demo_projects().model_dump(mode="json")
    secret, public = document["projects"]["demo"]["keys"]
    secret["expires"] = "2023-12-19T15:53:54.567Z"
    public["scopes"] = ["users:read"]
    async with gateway_with(projects.parse(document)) as gateway:
        answer = await ingest(gateway, event())
        assert (answer.status, answer.json) == (401, {"error": "Unauthorized"})
        answer = await ingest(gateway, event(), headers=PUBLIC)
        assert (answer.status, answer.json) == (403, {"error": "API key lacks the scope events:write"})


async def test_503_while_kafka_is_away_and_202_once_it_is_back(gateway: Gateway):
    gateway.publisher.away = True
    answer = await ingest(gateway, *[event()] * 1000)
    assert (answer.status, answer.json) == (503, {"error": "Service unavailable, try again later"})
    assert int(answer.headers["Retry-After"]) >= 1
    gateway.publisher.away = False
    assert (await ingest(gateway, *[event()] * 1000)).status == 202  # the refused ones did not count


async def test_an_unforeseen_error_is_a_500_in_the_apis_shape_that_gives_nothing_away(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
):
    async def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(gateway.publisher, "publish", broken)
    answer = await ingest(gateway, event())
    assert (answer.status, answer.json) == (500, {"error": "Internal server error"})


async def test_the_process_is_healthy_while_kafka_is_away(gateway: Gateway):
    gateway.publisher.away = True
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = await gateway.send("/health", headers=headers, method="GET")
        assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert (await gateway.send("/ready", method="GET")).status == 503


async def test_the_health_check_is_only_read(gateway: Gateway):
    assert (await gateway.send("/health", method="HEAD")).status == 200
    answer = await gateway.send("/health", method="POST")
    assert (answer.status, answer.json) == (405, {"error": "Method not allowed"})


async def test_a_raw_line_tells_all_that_the_processors_need(gateway: Gateway):
    headers = DEMO | {"User-Agent": "shop/1.0", "Idempotency-Key": "key-1", "X-Request-Id": "request-9"}
    await ingest(gateway, event(), event(), headers=headers)
    first, second = gateway.lines()
    assert (first.index, second.index) == (0, 1)
    for line in (first, second):
        assert (line.project, line.api, line.request_id) == ("demo", "ingest", "request-9")
        assert (line.received_at, line.idempotency_key, line.key) == (NOW, "key-1", "demo/id/key-1")
