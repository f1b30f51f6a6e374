"""Every limiter is held to the same suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.limiter_suite import LimiterSuite

from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.limits.redis import RedisLimiter

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from tests.conformance.conftest import Clock


class TestMemoryLimiter(LimiterSuite):
    @pytest.fixture
    def limiter(self, clock: Clock) -> MemoryLimiter:
        return MemoryLimiter(clock)


class TestMemoryLimiterThatForgetsAllItMay(LimiterSuite):
    @pytest.fixture
    def limiter(self, clock: Clock) -> MemoryLimiter:
        return MemoryLimiter(clock, forget_at=0)


class TestRedisLimiter(LimiterSuite):
    @pytest.fixture
    def limiter(self, redis: Redis, clock: Clock) -> RedisLimiter:
        return RedisLimiter(redis, timeout_s=30, clock=clock)
