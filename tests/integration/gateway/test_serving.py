"""How the gateway's process serves, as its settings say: patience, metrics, whom it believes, and how it leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
from tests.conftest import PARTITIONS
from tests.integration.gateway.process import GatewayProcess
from tests.integration.gateway.reading import read_topic
from tests.unit.gateway.wire import DEADLINE_S, wire

from sluice.contract import ndjson, raw, topics
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.stack import Stack

KEY = "Authorization: Bearer pulse_prod_load"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = f"POST /collect HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n".encode()


@contextmanager
def gateway_with(stack: Stack, directory: Path, **settings: object) -> Iterator[GatewayProcess]:
    """Start the process; `head_timeout_ms=1` sets SLUICE_GATEWAY_HEAD_TIMEOUT_MS."""
    variables = {f"SLUICE_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
    process = GatewayProcess(directory, stack.kafka_bootstrap, **variables)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def collect(session_id: str, *headers: str) -> bytes:
    now_ms = int(time.time() * 1000)
    event = {"site_id": "a", "event_type": "e", "timestamp": now_ms, "session_id": session_id}
    body = json.dumps(event).encode()
    lines = [*headers, f"Content-Length: {len(body)}", "", ""]
    return HEAD + "\r\n".join(lines).encode() + body


async def test_slow_clients_are_left_behind(deployment: Stack, tmp_path: Path):
    with gateway_with(deployment, tmp_path, head_timeout_ms=500, body_timeout_ms=100) as gateway:
        async with wire(gateway.url) as client:
            assert await client.rest() == b""
        async with wire(gateway.url) as client:
            await client.send(HEAD)
            assert (await client.last_answer()).json == {"error": "The request did not arrive in time"}
        async with wire(gateway.url) as client:
            await client.send(collect("slow")[:-1])
            answer = await client.answer()
            assert (answer.status, answer.json["error"]) == (408, "Body did not arrive in time")


async def test_an_idle_connection_is_closed(deployment: Stack, tmp_path: Path):
    with gateway_with(deployment, tmp_path, keepalive_timeout_ms=100) as gateway:
        async with wire(gateway.url) as client:
            await client.send(collect("idle"))
            assert (await client.last_answer()).status == 202


async def test_a_client_that_does_not_read_is_dropped(deployment: Stack, tmp_path: Path):
    metrics_port = free_port()
    with gateway_with(deployment, tmp_path, answer_timeout_ms=100, metrics_port=metrics_port) as gateway:
        async with wire(gateway.url) as client, asyncio.timeout(DEADLINE_S):
            await client.send(HEALTH)
            assert (await client.answer()).status == 200
            while await metric(metrics_port, "sluice_gateway_connections"):
                await client.send(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n")


async def test_metrics_have_a_port_of_their_own(deployment: Stack, tmp_path: Path):
    metrics_port = free_port()
    with gateway_with(deployment, tmp_path, metrics_port=metrics_port, max_connections=2) as gateway:
        async with wire(gateway.url) as client, wire(gateway.url) as other:
            await client.send(collect("counted"))
            assert (await client.answer()).status == 202
            await other.send(b"\0")
            assert (await other.last_answer()).status == 400
        async with aiohttp.ClientSession() as session, session.get(gateway.url + "/metrics") as answer:
            assert answer.status == 404
        assert await metric(metrics_port, 'sluice_gateway_events_accepted_total{api="pulse",project="load"}') == 1
        assert await metric(metrics_port, "sluice_gateway_unreadable_requests_total") == 1
        assert await metric(metrics_port, "sluice_gateway_ready") == 1
        assert await metric(metrics_port, "sluice_gateway_requests_in_flight") == 0
        assert await metric(metrics_port, "sluice_gateway_held_body_bytes") == 0
        async with wire(gateway.url) as one, wire(gateway.url) as two, wire(gateway.url) as three:
            for client in (one, two):
                await client.send(HEALTH)
                assert (await client.answer()).status == 200
            assert await three.rest() == b""
        assert await metric(metrics_port, "sluice_gateway_connections_refused_total") == 1


async def test_a_trusted_proxy_tells_the_clients_address(deployment: Stack, tmp_path: Path):
    with gateway_with(deployment, tmp_path, trusted_proxies="127.0.0.0/8,10.0.0.0/8") as gateway:
        async with wire(gateway.url) as client:
            await client.send(collect("behind-a-proxy", "X-Forwarded-For: 198.51.100.1, 10.0.0.1"))
            assert (await client.answer()).status == 202
    values = (await read_topic(deployment.kafka_bootstrap, topics.RAW.name, PARTITIONS)).values()
    lines = [line for records in values for value in records for line in ndjson.split(value)]
    (line,) = [raw.decode(line) for line in lines if b"behind-a-proxy" in line]
    assert line.client.ip == "198.51.100.1"


async def test_limits_of_load_are_those_of_the_settings(deployment: Stack, tmp_path: Path):
    with gateway_with(deployment, tmp_path, max_requests=1, linger_ms=1000) as gateway:
        async with wire(gateway.url) as first, wire(gateway.url) as second, asyncio.timeout(DEADLINE_S):
            statuses: set[int] = set()
            while statuses != {202, 503}:  # until one comes while the other waits for company
                await asyncio.gather(first.send(collect("first")), second.send(collect("second")))
                statuses = {answer.status for answer in await asyncio.gather(first.answer(), second.answer())}


async def test_a_gateway_that_is_stopped_tells_balancers_and_serves_on_for_a_while(deployment: Stack, tmp_path: Path):
    with gateway_with(deployment, tmp_path, lame_duck_ms=600_000) as gateway:
        async with aiohttp.ClientSession() as session, asyncio.timeout(DEADLINE_S):
            os.kill(gateway.pid, signal.SIGTERM)
            while True:
                async with session.get(gateway.url + "/ready") as probe:
                    if probe.status == 503:
                        assert await probe.json() == {"error": "The gateway is stopping"}
                        break
        async with wire(gateway.url) as client:
            await client.send(collect("late"))
            late = await client.last_answer()
            assert (late.status, late.headers["Connection"]) == (202, "close")
        gateway.kill()


async def test_what_is_in_flight_is_finished_and_the_idle_are_left(deployment: Stack, tmp_path: Path):
    metrics_port = free_port()
    with gateway_with(deployment, tmp_path, metrics_port=metrics_port) as gateway:
        async with wire(gateway.url) as idle, wire(gateway.url) as sending:
            await idle.send(HEALTH)
            assert (await idle.answer()).status == 200
            whole = collect("in-flight")
            await sending.send(whole[:-1])
            async with asyncio.timeout(DEADLINE_S):
                while not await metric(metrics_port, "sluice_gateway_requests_in_flight"):
                    await asyncio.sleep(0.01)
            os.kill(gateway.pid, signal.SIGTERM)
            assert await idle.rest() == b""
            await sending.send(whole[-1:])
            assert (await sending.last_answer()).status == 202
        assert gateway.wait() == 0


async def metric(port: int, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    (value,) = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name + " ")]
    return float(value)
