"""No key shows up again: not in the log, not in an answer, not on Kafka, not on disk, whatever goes wrong.

Keys are put wherever a client may put them, by right or by mistake, and every request that can fail does. What a
client sends as the data of an event is its own, and is left out here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PARTITIONS
from tests.integration.gateway.process import GatewayProcess
from tests.integration.gateway.reading import read_topic

from sluice.contract import topics
from sluice.gateway.dialects import DIALECTS
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.stack import Stack

    from sluice.gateway.dialects.port import Endpoint

UNKNOWN = "sl_secret_0123456789abcdefghijABCDEFGHIJ01"
LIMIT_OF_ONE = '[{ kind = "fixed_window", limit = 1, per_s = 3600 }]'
ENDPOINTS = [endpoint for dialect in DIALECTS for endpoint in dialect.ENDPOINTS]
REVISION = {"revision": "2024-10-15"}
TOO_LARGE = 11 * 1024 * 1024


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrecy")


@pytest.fixture(scope="module")
def keys(directory: Path) -> list[str]:
    """Keys of every kind: good ones, and one for each reason to be refused."""

    def make(*arguments: str) -> str:
        command = [sys.executable, "-m", "sluice", "keys", "create", "--settings-file", str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    path = directory / "sluice.toml"
    made = [
        make("--project", "shop"),
        make("--project", "shop", "--kind", "public"),
        make("--project", "shop", "--scope", "events:read"),
        make("--project", "shop", "--kind", "public", "--origin", "https://shop.example"),
        make("--project", "shop", "--expires", "2099-01-01"),
        make("--project", "tight", "--new-project"),
        make("--project", "tight", "--kind", "public"),
    ]
    limits = "".join(f"{dialect.API} = {LIMIT_OF_ONE}\n" for dialect in DIALECTS)
    text = path.read_text().replace("2099", "2020") + f"\n[projects.tight.limits]\n{limits}"
    path.write_text(text)
    return [*made, UNKNOWN]


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(deployment: Stack, directory: Path, keys: list[str], metrics_port: int) -> Iterator[GatewayProcess]:
    del keys  # they make the settings file
    process = GatewayProcess(
        directory,
        deployment.kafka_bootstrap,
        SLUICE_SETTINGS_FILE=str(directory / "sluice.toml"),
        SLUICE_GATEWAY_LOG_LEVEL="debug",
        SLUICE_GATEWAY_METRICS_PORT=str(metrics_port),
    )
    process.start()
    yield process
    process.stop()


async def ask(port: int, request: bytes) -> bytes:
    """Send bytes and give whatever comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()  # more of what is incomplete would be waited for
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def http(method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """Write a request."""
    headers = {"Host": "gateway", "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def valid_body(endpoint: Endpoint) -> bytes:
    """Give an endpoint's example, as of now."""
    return json.dumps(endpoint.example).replace("1703001234567", str(int(time.time() * 1000))).encode()


def shown(endpoint: Endpoint, key: str) -> Iterator[bytes]:
    """Valid requests with a key in every place that a client may think of."""
    path, body = endpoint.paths[0], valid_body(endpoint)
    for authorization in (f"Bearer {key}", f"Klaviyo-API-Key {key}", f"Basic {key}", f"Bearer: {key}", key):
        yield http("POST", path, REVISION | {"Authorization": authorization}, body)
    for header in ({"X-API-Key": key}, {"Cookie": f"key={key}"}):
        yield http("POST", path, REVISION | header, body)
    for parameter in ("api_key", "company_id", "key", key):
        for origin in ({}, {"Origin": "https://evil.example"}):
            yield http("POST", f"{path}?{parameter}={key}", REVISION | origin, body)
    yield http("POST", f"http://{key}@gateway{path}", REVISION, body)


def failing(endpoint: Endpoint, key: str) -> Iterator[bytes]:
    """Requests with a key in a way that is right, and something else that is not."""
    for target in (f"{endpoint.paths[0]}?api_key={key}", f"{endpoint.paths[0]}?company_id={key}", endpoint.paths[0]):
        authorization = f"{'Klaviyo-API-Key' if 'klaviyo' in endpoint.keys else 'Bearer'} {key}"
        good = REVISION | ({} if "?" in target else {"Authorization": authorization})
        for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", key):
            yield http(method, target, good)
        yield http("POST", target.replace("?", "/nowhere?"), good)
        yield http("POST", target, good | {"Content-Length": str(TOO_LARGE)})
        yield http("POST", target, good | {"Content-Encoding": "lzma"}, b"{}")
        yield http("POST", target, good | {"Content-Encoding": "gzip"}, key.encode())
        yield http("POST", target, good | {"revision": key}, b"{}")
        yield http("POST", target, good | {"Idempotency-Key": "x" * 300}, b"{}")
        for body in in_bodies(key):
            yield http("POST", target, good, body)
    yield http("POST", f"{endpoint.paths[0]}/{key}")


def in_bodies(key: str) -> list[bytes]:
    """Bodies that are refused, and hold a key by mistake."""
    wrong = [
        key,
        [key],
        {"api_key": key},
        {key: 1},
        {"events": key},
        {"events": [key]},
        {"events": [{"eventName": {"key": key}, "timestamp": key}]},
        {"messageBody": key},
        {"messageBody": [{"type": [key]}]},
        {"data": {"type": key, "attributes": {"profile": {"data": {"type": key}}}}},
        {"user": {"email": 1, "_id": [key]}, "event": {key: {}}},
        {"user": {}, "event": {"generic": {"event_name": [key]}}},
    ]
    return [key.encode(), b"\xff" + key.encode(), *(json.dumps(body).encode() for body in wrong)]


def not_http(key: str) -> list[bytes]:
    """What no server can read, with a key in it."""
    host, line = "Host: gateway", f"POST /collect?api_key={key} HTTP/1.1"
    texts = [
        key,
        f"{key}\r\n\r\n",
        f"GET /collect?api_key={key}\r\n\r\n",
        f"{key} /collect HTTP/1.1\r\n{host}\r\n\r\n",
        f"POST /collect?api_key={key} HTTP/9.9\r\n{host}\r\n\r\n",
        f"POST /collect {key} HTTP/1.1\r\n{host}\r\n\r\n",
        f"POST http://[{key}/collect HTTP/1.1\r\n{host}\r\n\r\n",
        f"POST /collect?api_key={key}&{'x' * 9000} HTTP/1.1\r\n{host}\r\n\r\n",
        f"{line}\r\n{host}\r\nAuthorization Bearer {key}\r\n\r\n",
        f"{line}\r\n{host}\r\nAuthorization: Bearer {key}{'x' * 9000}\r\n\r\n",
        f"{line}\r\n{host}\r\nContent-Length: {key}\r\n\r\n",
        f"{line}\r\n{host}\r\nTransfer-Encoding: {key}\r\n\r\n",
        f"{line}\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n{key}\r\n",
        f"{line}\r\n{host}\r\nContent-Length: 1000\r\n\r\n{key}",
        f"{line}\r\n{host}\r\nExpect: {key}\r\nContent-Length: 0\r\n\r\n",
        f"{line}\r\n{host}\r\nAuthorization: Bearer {key}",
    ]
    return [text.encode() for text in texts]


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(found[1]) if found else 0


async def everything(port: int, keys: list[str]) -> list[bytes]:
    """Send all of it; give all answers."""
    users_first = sorted(ENDPOINTS, key=lambda endpoint: endpoint.name != "user")
    requests = [
        *(request for key in keys for endpoint in users_first for request in shown(endpoint, key)),
        *(request for key in keys for endpoint in users_first for request in failing(endpoint, key)),
        *(request for key in keys for request in not_http(key)),
    ]
    places = asyncio.Semaphore(16)

    async def answer_to(request: bytes) -> bytes:
        async with places:
            return await ask(port, request)

    return await asyncio.gather(*map(answer_to, requests))


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def process_line(pid: int) -> bytes:
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=True).stdout


async def test_no_key_shows_up_again(
    deployment: Stack, gateway: GatewayProcess, keys: list[str], directory: Path, metrics_port: int
):
    port = int(gateway.url.rpartition(":")[2])
    answers = await everything(port, keys)
    # All of it was really tried: each way to be accepted, and each reason not to be.
    statuses = {status(answer) for answer in answers}
    assert statuses >= {200, 201, 202, 204, 400, 401, 403, 404, 405, 413, 415, 417, 429}, statuses

    found = {f"answer {number}": answer for number, answer in enumerate(answers)}
    found["metrics"] = await ask(metrics_port, http("GET", f"/metrics?api_key={keys[0]}"))
    for topic in (topics.RAW.name, topics.USERS_KNOWN.name):
        for partition, values in (await read_topic(deployment.kafka_bootstrap, topic, PARTITIONS)).items():
            found |= {f"{topic} {partition} {number}": value for number, value in enumerate(values)}
    found |= files_of(directory)
    found["ps"] = process_line(gateway.pid)

    assert b"sluice_gateway" in found["metrics"]
    assert any(name.startswith(topics.USERS_KNOWN.name) for name in found)
    assert str(gateway.log) in found
    leaks = {(name, key[:16]) for name, content in found.items() for key in keys if key.encode() in content}
    assert leaks == set()
