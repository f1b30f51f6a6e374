"""Two gateways and one Redis: one limit for both, held whenever Redis is there, else in nobody's way."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.integration.gateway.process import GatewayProcess
from tests.integration.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.integration.stack import Stack

DEMO = {"Authorization": "Bearer pulse_prod_demo"}
SOON_S = 15.0


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


class Gateways:
    def __init__(self, session: aiohttp.ClientSession, processes: list[GatewayProcess]) -> None:
        self._session = session
        self.processes = processes

    async def send(self, gateway: int) -> tuple[int, int | None]:
        """Give the status, and how many requests would pass now if that is told."""
        url = f"{self.processes[gateway].url}/collect/event"
        async with self._session.post(url, json={"messageBody": [{"type": "click"}]}, headers=DEMO) as response:
            told = response.headers.get("X-RateLimit-Remaining")
            return response.status, None if told is None else int(told)


@asynccontextmanager
async def two_gateways(directory: Path, bootstrap: str, redis_url: str) -> AsyncIterator[Gateways]:
    processes = []
    try:
        for name in ("one", "other"):
            (directory / name).mkdir()
            settings = {"SLUICE_REDIS_URL": redis_url, "SLUICE_REDIS_TIMEOUT_MS": "5000"}
            processes.append(GatewayProcess(directory / name, bootstrap, **settings))
            await asyncio.to_thread(processes[-1].start)
        async with aiohttp.ClientSession() as session:
            yield Gateways(session, processes)
    finally:
        for process in processes:
            process.stop()


async def test_gateways_share_a_limit_and_outlive_their_redis(
    deployment: Stack, own_redis: RedisServer, tmp_path: Path
):
    url = own_redis.url.replace("//", "//default:@")
    async with two_gateways(tmp_path, deployment.kafka_bootstrap, url) as gateways:
        assert await gateways.send(0) == (201, 999)
        assert await gateways.send(1) == (201, 998)

        own_redis.kill()
        for _ in range(10):
            assert await gateways.send(0) == (201, None)
            assert await gateways.send(1) == (201, None)

        await asyncio.to_thread(own_redis.start)
        deadline = time.monotonic() + SOON_S
        while None in [(await gateways.send(number))[1] for number in (0, 1)]:
            assert time.monotonic() < deadline
        for number in (0, 1):
            assert "limits are not held" in gateways.processes[number].log_text()
            assert "limits are held again" in gateways.processes[number].log_text()
