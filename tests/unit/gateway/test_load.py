"""What is too much at a time is refused at once, and room is made again whatever becomes of a request."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.harness import DEMO, LOAD, demo_projects, encoded, event, gateway_with
from tests.unit.gateway.wire import until, wire

from sluice.contract.errors import Retry
from sluice.gateway.load import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.gateway.harness import Answer, Gateway


def test_as_many_requests_as_allowed_are_worked_on_and_one_more_is_not():
    load = Load(max_requests=2)
    with load.request() as first, load.request() as second, load.request() as third:
        first.work()
        second.work()
        with pytest.raises(Retry):
            third.work()
        with pytest.raises(Retry), load.request():
            pass
        assert (load.requests, load.working) == (3, 2)
    assert (load.requests, load.working) == (0, 0)
    with load.request() as share:
        share.work()
        assert load.working == 1


def test_requests_that_have_not_come_whole_take_nobodys_place():
    load = Load(max_requests=1)
    with load.request(), load.request(), load.request() as whole:
        whole.work()
        assert load.working == 1


def test_those_without_a_key_hold_an_eighth_of_all_bytes():
    load = Load(max_body_bytes=80)
    with load.request() as stranger, load.request() as customer:
        stranger.hold_for_stranger(10)
        with pytest.raises(Retry):
            stranger.hold_for_stranger(1)
        customer.hold(70)
        assert (load.body_bytes, load.stranger_bytes) == (80, 10)
    assert (load.body_bytes, load.stranger_bytes) == (0, 0)


def test_as_many_bytes_as_allowed_are_held_and_one_more_is_not():
    load = Load(max_body_bytes=10)
    with load.request() as first, load.request() as second:
        first.hold(4)
        second.hold(6)
        with pytest.raises(Retry):
            first.hold(1)
        assert load.body_bytes == 10
    assert load.body_bytes == 0


def test_the_bytes_of_one_request_are_let_go_with_it():
    load = Load(max_body_bytes=10)
    with load.request() as first:
        first.hold(4)
        with load.request() as second:
            second.hold(3)
            second.hold(3)
        assert load.body_bytes == 4


def test_what_goes_wrong_within_a_request_makes_room_too():
    load = Load(max_body_bytes=5)
    with contextlib.suppress(Retry), load.request() as share:
        share.hold(5)
        share.hold(1)
    assert load.requests == load.body_bytes == 0


@asynccontextmanager
async def with_a_request_in_flight(load: Load) -> AsyncIterator[tuple[Gateway, asyncio.Event, asyncio.Task[Answer]]]:
    """A gateway that handles one request until the event is set, and that request."""
    acknowledged = asyncio.Event()
    async with gateway_with(demo_projects(), load=load) as gateway:
        publish = gateway.publisher.publish

        async def slow(partition: int, value: bytes, key: bytes | None = None) -> int:
            await acknowledged.wait()
            return await publish(partition, value, key)

        gateway.publisher.publish = slow  # type: ignore[method-assign]
        asking = asyncio.create_task(gateway.collect(event()))
        await until(lambda: load.working == 1)
        yield gateway, acknowledged, asking
        acknowledged.set()
        await asking


async def test_a_request_too_many_is_503_and_the_others_are_not_disturbed():
    async with with_a_request_in_flight(Load(max_requests=1)) as (gateway, acknowledged, asking):
        refused = await gateway.collect(event())
        assert (refused.status, refused.error) == (503, "Service unavailable, try again later")
        assert refused.headers["Retry-After"] == "5"
        assert (await gateway.send("/health", method="GET")).status == 200
        acknowledged.set()
        assert (await asking).status == 202
        assert (await gateway.collect(event())).status == 202


async def test_a_request_too_many_costs_no_token():
    async with with_a_request_in_flight(Load(max_requests=1)) as (gateway, acknowledged, asking):
        await gateway.collect(event())
        acknowledged.set()
        assert (await asking).headers["X-RateLimit-Remaining"] == "14999"


async def test_the_body_of_a_request_too_many_is_read_and_forgotten_so_that_the_connection_lives_on():
    async with with_a_request_in_flight(Load(max_requests=1)) as (gateway, _, _), wire(gateway.url) as client:
        body = encoded(event())
        head = b"POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        for _ in range(2):
            await client.send(head)
            assert (await client.answer()).status == 503
            await client.send(body)


async def test_a_body_is_held_until_its_answer():
    body = encoded(event())
    load = Load(max_body_bytes=2 * len(body))
    async with with_a_request_in_flight(load) as (gateway, acknowledged, asking):
        assert load.body_bytes == len(body)
        refused = await gateway.collect(event(session_id="one character more"))
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert load.body_bytes == len(body)
        acknowledged.set()
        await asking
        assert load.body_bytes == 0


async def test_what_a_compressed_body_unfolds_to_is_held_too():
    body = gzip.compress(encoded(event(extra="a" * 10_000)))
    headers = DEMO | {"Content-Encoding": "gzip"}
    async with gateway_with(demo_projects(), load=Load(max_body_bytes=10_000)) as gateway:
        assert (await gateway.send("/collect", body, headers)).status == 503
    async with gateway_with(demo_projects(), load=Load(max_body_bytes=11_000)) as gateway:
        assert (await gateway.send("/collect", body, headers)).status == 202


async def test_after_all_kinds_of_requests_nothing_is_held_any_more():
    async with gateway_with(demo_projects(), body_timeout_s=0.01) as gateway:
        await gateway.collect(event())
        await gateway.collect({})
        await gateway.send("/collect", encoded(event()))
        await gateway.send("/collect", b"{}", DEMO | {"Content-Encoding": "br"})
        await gateway.send("/collect", b"a" * (11 << 20), DEMO)
        await gateway.batch([event()] * 1000, LOAD)
        gateway.publisher.away = True
        await gateway.collect(event())
        head = b"POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
        async with wire(gateway.url) as slow, wire(gateway.url) as gone:
            await gone.send(head)
            gone.end()
            await gone.last_answer()
            await slow.send(head)
            await slow.answer()
        load = gateway.intake.load
        assert load.requests == load.body_bytes == 0


async def test_clients_that_never_send_their_bodies_disturb_nobody():
    load = Load(max_requests=1)
    async with (
        gateway_with(demo_projects(), load=load, body_timeout_s=1) as gateway,
        wire(gateway.url) as one,
        wire(gateway.url) as two,
    ):
        for client in (one, two):
            await client.send(b"POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        await until(lambda: load.requests == 2)
        assert (await gateway.collect(event())).status == 202


async def test_a_request_too_many_tells_where_its_limit_stands():
    async with gateway_with(demo_projects(), load=Load(max_requests=0)) as gateway:
        assert (await gateway.collect(event())).headers["X-RateLimit-Remaining"] == "15000"


@pytest.mark.parametrize(("key", "status"), [({}, 401), ({"Authorization": "Bearer demo_public"}, 403)])
async def test_where_those_without_a_good_key_hold_too_much_their_bodies_are_not_unfolded(
    key: dict[str, str], status: int
):
    body, headers = gzip.compress(b"a" * (11 << 20)), {"Content-Encoding": "gzip", **key}
    async with gateway_with(demo_projects(), load=Load(max_body_bytes=8 * len(body))) as gateway:
        assert (await gateway.send("/event/", body, headers)).status == 413
    async with gateway_with(demo_projects(), load=Load(max_body_bytes=8 * len(body) - 8)) as gateway:
        assert (await gateway.send("/event/", body, headers)).status == status
