"""API 1 over HTTP: what is too large, too many or too odd for a file of recorded requests."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging

import aiohttp
import pytest
from tests.unit.gateway.harness import DEMO, LOAD, NOW, Gateway, demo_projects, encoded, event, gateway_with

from sluice.contract import projects
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects import pulse

MINUTE_MS = 60_000


def padded(size: int) -> bytes:
    """A valid event of exactly so many bytes."""
    short = encoded(event(padding=""))
    return encoded(event(padding="x" * (size - len(short))))


async def test_1000_events_pass_and_1001_do_not(gateway: Gateway):
    answer = await gateway.batch([event()] * 1000)
    assert (answer.status, answer.json["accepted"]) == (202, 1000)
    answer = await gateway.batch([event()] * 1001)
    assert (answer.status, answer.error) == (400, "Invalid field: events must be an array of 1 to 1000 events")
    assert len(gateway.lines()) == 1000


async def test_a_body_of_10_mib_passes(gateway: Gateway):
    answer = await gateway.collect(padded(MAX_BYTES))
    assert answer.status == 202
    assert gateway.events() == [padded(MAX_BYTES)]


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
async def test_a_body_of_10_mib_and_a_byte_does_not(gateway: Gateway, headers):
    body = padded(MAX_BYTES + 1)
    answer = await gateway.collect(gzip.compress(body, 1) if "Content-Encoding" in headers else body, headers)
    assert (answer.status, answer.error) == (413, "Body exceeds 10 MiB")
    assert answer.headers["X-RateLimit-Remaining"] == "15000"
    assert not gateway.lines()


async def test_a_body_without_a_declared_length_is_cut_at_the_limit(gateway: Gateway):
    async def chunks():
        for _ in range(11):
            yield b" " * (1 << 20)

    async with gateway.session.post(gateway.url + "/collect", data=chunks(), headers=DEMO) as answer:
        assert answer.status == 413


async def test_413_comes_before_401(gateway: Gateway):
    answer = await gateway.send("/collect", padded(MAX_BYTES + 1))
    assert answer.status == 413


async def test_a_compressed_batch_is_read(gateway: Gateway):
    answer = await gateway.batch([event()], {"Idempotency-Key": "a"})
    assert answer.status == 202
    answer = await gateway.collect(gzip.compress(encoded(event())), {"Content-Encoding": "gzip"})
    assert answer.status == 202


async def test_a_truncated_gzip_stream_is_refused(gateway: Gateway):
    answer = await gateway.collect(gzip.compress(encoded(event()))[:-1], {"Content-Encoding": "gzip"})
    assert (answer.status, answer.error) == (400, "Body is not a valid gzip stream")


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000])
async def test_100_000_brackets_are_refused(gateway: Gateway, text):
    for answer in (await gateway.collect(text), await gateway.batch([event()]), await gateway.collect(event(x="["))):
        assert answer.status in {202, 400}
    assert (await gateway.collect(text)).error == "Body is nested deeper than 100 levels"
    assert (await gateway.send("/collect/batch", b'{"events":[' + text, DEMO)).status == 400


async def test_a_batch_may_be_100_levels_deep_wherever_it_is_deepest(gateway: Gateway):
    def inside(levels: int) -> bytes:
        deep = b"[" * (levels - 3) + b"]" * (levels - 3)
        return b'{"events":[' + encoded(event(x="@")).replace(b'"@"', deep) + b"]}"

    def beside(levels: int) -> bytes:
        deep = b"[" * (levels - 1) + b"]" * (levels - 1)
        return b'{"events":[' + encoded(event()) + b'],"x":' + deep + b"}"

    for body in (inside, beside):
        assert (await gateway.send("/collect/batch", body(100), DEMO)).status == 202
        refused = await gateway.send("/collect/batch", body(101), DEMO)
        assert (refused.status, refused.error) == (400, "Body is nested deeper than 100 levels")


async def test_white_space_around_an_event_is_not_stored(gateway: Gateway):
    assert (await gateway.collect(b" \r\n\t" + encoded(event()) + b"\n ")).status == 202
    ((_, value),) = gateway.publisher.records
    assert b'"event":' + encoded(event()) + b"," in value


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
async def test_invalid_utf8_is_refused_wherever_it_stands(gateway: Gateway, bad):
    known = encoded(event(user_id="@")).replace(b"@", bad)
    extra = encoded(event(extra="@")).replace(b"@", bad)
    name = encoded(event(extra="@")).replace(b"extra", bad)
    for body in (known, extra, name):
        assert (await gateway.collect(body)).error == "Body must be valid UTF-8"
        assert (await gateway.send("/collect/batch", b'{"events":[' + body + b"]}", DEMO)).status == 400
    assert not gateway.lines()


async def test_a_raw_nul_is_refused_and_an_escaped_one_kept(gateway: Gateway):
    assert (await gateway.collect(encoded(event(extra="@")).replace(b"@", b"\0"))).status == 400
    sent = encoded(event(extra="@", user_id="@")).replace(b"@", b"\\u0000")
    assert (await gateway.collect(sent)).status == 202
    assert gateway.events() == [sent]


@pytest.mark.parametrize("number", [b"9" * 5000, b"-" + b"9" * 5000, b"18446744073709551616", b"1e999", b"0.1e-999"])
async def test_numbers_beyond_64_bits_are_kept_in_extra_fields(gateway: Gateway, number):
    sent = encoded(event(extra="@")).replace(b'"@"', number)
    assert (await gateway.collect(sent)).status == 202
    assert gateway.events() == [sent]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (b"9" * 5000, "must be at most 5 minutes ahead"),
        (b"-" + b"9" * 5000, "must be within the last 30 days"),
        (b"1e999", "must be at most 5 minutes ahead"),
        (b"-1e999", "must be within the last 30 days"),
        (b"1e-999", "must be within the last 30 days"),
        (b"18446744073709551616", "must be at most 5 minutes ahead"),
    ],
)
async def test_numbers_beyond_64_bits_are_no_timestamps(gateway: Gateway, number, reason):
    sent = encoded(event()).replace(str(NOW).encode(), number)
    assert (await gateway.collect(sent)).error == f"Invalid field: timestamp {reason}"


@pytest.mark.parametrize("field", pulse.FIELDS)
@pytest.mark.parametrize("value", [b"true", b"[]", b"{}", b"[[1]]", b"9" * 5000, b"1e999"], ids=len)
async def test_a_wrong_type_is_refused_in_each_field(gateway: Gateway, field, value):
    sent = encoded(event(**{field: "@"})).replace(b'"@"', value)
    answer = await gateway.collect(sent)
    assert answer.status == 400
    assert answer.error.startswith(f"Invalid field: {field} must be ")
    assert not gateway.lines()


async def test_a_burst_of_15_000_events_passes_and_the_first_one_over_it_does_not(gateway: Gateway):
    for left in range(14, -1, -1):
        answer = await gateway.batch([event()] * 1000)
        assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (202, str(left * 1000))
    answer = await gateway.collect(event())
    assert (answer.status, answer.error) == (429, "Rate limit exceeded")
    assert (answer.headers["Retry-After"], answer.headers["X-RateLimit-Remaining"]) == ("1", "0")
    answer = await gateway.batch([event()] * 1000)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "6")


async def test_after_the_time_that_retry_after_names_the_same_request_passes(gateway: Gateway):
    for _ in range(15):
        await gateway.batch([event()] * 1000)
    refused = await gateway.batch([event()] * 1000)
    gateway.clock.now_ms += 1000 * int(refused.headers["Retry-After"])
    assert (await gateway.batch([event()] * 1000)).status == 202


async def test_each_minute_10_000_more_pass(gateway: Gateway):
    for _ in range(15):
        await gateway.batch([event()] * 1000)
    gateway.clock.now_ms += MINUTE_MS
    statuses = [(await gateway.batch([event()] * 1000)).status for _ in range(11)]
    assert statuses == [202] * 10 + [429]


async def test_only_valid_requests_cost_tokens(gateway: Gateway):
    for refused in (await gateway.collect({}), await gateway.batch([event(), {}]), await gateway.collect(b"{")):
        assert (refused.status, refused.headers["X-RateLimit-Remaining"]) == (400, "15000")
    assert (await gateway.collect(event())).headers["X-RateLimit-Remaining"] == "14999"


async def test_each_key_has_its_own_limit(gateway: Gateway):
    for _ in range(15):
        await gateway.batch([event()] * 1000)
    assert (await gateway.collect(event())).status == 429
    assert (await gateway.collect(event(), {"Authorization": "Bearer demo_public"})).status == 202


async def test_without_a_limit_everything_passes(gateway: Gateway):
    for _ in range(20):
        answer = await gateway.batch([event()] * 1000, LOAD)
        assert answer.status == 202
        assert "X-RateLimit-Remaining" not in answer.headers


async def test_503_while_kafka_is_away_and_202_once_it_is_back(gateway: Gateway):
    gateway.publisher.away = True
    answer = await gateway.collect(event())
    assert (answer.status, answer.error) == (503, "Service unavailable, try again later")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-RateLimit-Remaining"] == "15000"  # given back
    ready = await gateway.send("/ready", method="GET")
    assert (ready.status, ready.json) == (503, {"error": "Kafka is not available"})
    gateway.publisher.away = False
    assert (await gateway.collect(event())).status == 202
    assert (await gateway.send("/ready", method="GET")).status == 200
    assert len(gateway.lines()) == 1


async def test_an_unforeseen_error_is_a_500_in_the_apis_shape_that_gives_nothing_away(gateway: Gateway, caplog):
    async def broken(partition: int, value: bytes, key: bytes | None = None) -> int:
        raise ZeroDivisionError("secret detail")

    gateway.publisher.publish = broken  # type: ignore[method-assign]
    answer = await gateway.collect(event())
    assert (answer.status, answer.error) == (500, "Internal server error")
    assert b"secret" not in answer.body
    assert "ZeroDivisionError" in caplog.text


async def test_a_raw_line_tells_all_that_the_processors_need(gateway: Gateway):
    headers = {"User-Agent": "shop/1.0", "Idempotency-Key": " key-1 ", "X-Request-Id": "request-9"}
    await gateway.batch([event(), event(site_id="b")], headers)
    first, second = gateway.lines()
    assert (first.index, second.index) == (0, 1)
    assert first.id != second.id
    for line in (first, second):
        assert (line.project, line.api, line.request_id) == ("demo", "pulse", "request-9")
        assert (line.received_at, line.idempotency_key, line.key) == (NOW, "key-1", "demo/id/key-1")
        assert (line.client.ip, line.client.user_agent) == ("127.0.0.1", "shop/1.0")
    assert json.loads(bytes(second.event))["site_id"] == "b"


async def test_all_events_of_a_request_with_an_idempotency_key_meet_on_one_partition(gateway: Gateway):
    for _ in range(3):
        await gateway.batch([event()] * 5, {"Idempotency-Key": "key-1"})
    assert len({partition for partition, _ in gateway.publisher.records}) == 1


async def test_events_without_a_routing_key_use_all_partitions(gateway: Gateway):
    for _ in range(8):
        await gateway.collect(event())
    assert {partition for partition, _ in gateway.publisher.records} == {0, 1, 2, 3}


async def test_an_idempotency_key_that_is_too_long_is_refused(gateway: Gateway):
    assert (await gateway.collect(event(), {"Idempotency-Key": "k" * 255})).status == 202
    answer = await gateway.collect(event(), {"Idempotency-Key": "k" * 256})
    assert (answer.status, answer.error) == (400, "Idempotency-Key must be at most 255 characters")


async def test_headers_that_are_no_utf8_do_no_harm(gateway: Gateway):
    port = int(gateway.url.rpartition(":")[2])
    body = encoded(event())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /collect?api_key=%%ff HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pulse_prod_demo\r\n"
        b"User-Agent: a\xffb\r\nIdempotency-Key: c\xffd\r\nX-Request-Id: \xff\r\nOrigin: \xff\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 202 ")
    (line,) = gateway.lines()
    assert (line.client.user_agent, line.idempotency_key) == ("a\ufffdb", "c\ufffdd")
    bad_key = await gateway.send("/collect?api_key=%FF%ED%A0%80", body)
    assert bad_key.status == 401


@pytest.mark.parametrize("mode", ["Authorization", "api_key"])
async def test_keys_are_never_logged(gateway: Gateway, caplog, mode):
    caplog.set_level(logging.DEBUG)
    for key in ("pulse_prod_demo", "demo_public", "pulse_prod_wrong"):
        headers = {"Authorization": f"Bearer {key}"} if mode == "Authorization" else {}
        path = "/collect" if mode == "Authorization" else f"/collect?api_key={key}"
        for body in (encoded(event()), b"{"):
            await gateway.send(path, body, headers)
        gateway.publisher.away = not gateway.publisher.away
        await gateway.send(path, encoded(event()), headers)
        await gateway.send("/nowhere?api_key=" + key, b"", headers)
    assert not [word for word in ("pulse_prod", "demo_public") if word in caplog.text]
    assert not [value for _, value in gateway.publisher.records if b"pulse_prod" in value or b"demo_public" in value]


async def test_a_key_in_a_request_that_is_no_http_is_not_logged_either(gateway: Gateway, caplog):
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(b"POST /collect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pulse_prod_demo\x00\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
    writer.close()
    assert "pulse_prod" not in caplog.text


async def test_a_client_that_goes_away_in_its_body_leaves_nothing(gateway: Gateway, caplog: pytest.LogCaptureFixture):
    port = int(gateway.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /collect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pulse_prod_demo\r\nContent-Length: 99\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await gateway.collect(event())).status == 202
    assert len(gateway.lines()) == 1
    assert "failed" not in caplog.text


async def test_two_content_encoding_headers_are_two_encodings(gateway: Gateway):
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /collect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pulse_prod_demo\r\nContent-Length: 2\r\n"
        b"Content-Encoding: gzip\r\nContent-Encoding: br\r\n\r\n{}"
    )
    assert (await reader.readline()).split()[1] == b"415"
    writer.close()
    await writer.wait_closed()


async def test_the_answer_comes_after_the_acknowledgement(gateway: Gateway):
    acknowledged = asyncio.Event()
    publish = gateway.publisher.publish
    started = asyncio.Event()

    async def slow(partition: int, value: bytes, key: bytes | None = None) -> int:
        started.set()
        await acknowledged.wait()
        return await publish(partition, value, key)

    gateway.publisher.publish = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(gateway.collect(event()))
    await started.wait()
    await gateway.send("/ready", method="GET")
    assert not asking.done()
    acknowledged.set()
    assert (await asking).status == 202


def settings_with(**key: object) -> projects.Projects:
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["keys"][1] |= key
    return projects.parse(document)


PUBLIC = {"Authorization": "Bearer demo_public"}


async def test_an_expired_key_is_401():
    async with gateway_with(settings_with(expires="2023-12-19T15:53:54.567Z")) as gateway:
        answer = await gateway.collect(event(), PUBLIC)
        assert (answer.status, answer.error) == (401, "Invalid API key")
        gateway.clock.now_ms -= 1
        assert (await gateway.collect(event(timestamp=NOW - 1), PUBLIC)).status == 202


async def test_a_key_without_the_scope_is_403():
    async with gateway_with(settings_with(scopes=["users:read"])) as gateway:
        answer = await gateway.collect(event(), PUBLIC)
        assert (answer.status, answer.error) == (403, "API key lacks the scope events:write")


async def test_a_key_is_good_only_for_its_origins():
    async with gateway_with(settings_with(origins=["https://shop.example"])) as gateway:
        for headers, status in (
            ({"Origin": "https://shop.example"}, 202),
            ({"Origin": "https://evil.example"}, 403),
            ({}, 403),
        ):
            assert (await gateway.collect(event(), PUBLIC | headers)).status == status


async def test_a_project_may_refuse_public_keys():
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["allow_public_keys"] = False
    async with gateway_with(projects.parse(document)) as gateway:
        answer = await gateway.collect(event(), PUBLIC)
        assert (answer.status, answer.error) == (403, "This project does not allow public keys")
        assert (await gateway.collect(event())).status == 202


async def test_a_key_may_have_a_limit_of_its_own():
    rule = {"kind": "token_bucket", "capacity": 2, "refill": 1, "per_s": 10}
    async with gateway_with(settings_with(limits={"pulse": [rule]})) as gateway:
        answers = [await gateway.collect(event(), PUBLIC) for _ in range(3)]
        assert [answer.status for answer in answers] == [202, 202, 429]
        assert answers[2].headers["Retry-After"] == "10"


async def test_requests_of_one_moment_share_a_record():
    async with gateway_with(demo_projects(), linger_ms=50) as gateway:
        answers = await asyncio.gather(*(gateway.collect(event()) for _ in range(20)))
        assert {answer.status for answer in answers} == {202}
        assert len(gateway.publisher.records) < 20
        assert len(gateway.lines()) == 20


async def test_stopping_finishes_what_is_in_flight():
    async with gateway_with(demo_projects(), linger_ms=200) as gateway:
        asking = asyncio.create_task(gateway.collect(event()))
        async with asyncio.timeout(5):
            while not asking.done() and not gateway.publisher.records:
                await asyncio.sleep(0)
                if (await gateway.send("/ready", method="GET")).status == 200:
                    break
    assert (await asking).status == 202


async def test_nobody_listens_after_the_end():
    async with gateway_with(demo_projects()) as gateway:
        url = gateway.url
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(url + "/collect")


async def test_of_two_members_with_a_name_only_the_last_is_checked(gateway: Gateway):
    sent = encoded(event(url="@")).replace(b'"url": "@"', b'"url": 1, "url": "x"')
    assert (await gateway.collect(sent)).status == 202
    sent = b'{"events":7,"events":[' + encoded(event()) + b"]}"
    assert (await gateway.send("/collect/batch", sent, DEMO)).status == 202
