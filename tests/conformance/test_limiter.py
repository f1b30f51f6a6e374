"""Every limiter is held to the same suite."""

from __future__ import annotations

import pytest
from tests.conformance.limiter_suite import LimiterSuite

from sluice.gateway.limits.memory import MemoryLimiter


class Clock:
    now_ms = 1_703_001_234_567

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestMemoryLimiter(LimiterSuite):
    @pytest.fixture
    def limiter(self, clock: Clock) -> MemoryLimiter:
        return MemoryLimiter(clock)
