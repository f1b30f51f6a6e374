"""What limiters are tested with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.gateway.limits.redis import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis
    from tests.integration.redis_server import RedisServer


class Clock:
    """A clock that stands still until it is told otherwise."""

    now_ms = 1_703_001_234_567

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    async with connect(redis_server.url) as client:
        await client.flushall()
        yield client
