"""Every limiter does at random moments what its rules mean, and all say the same."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.limiter_models import model_of, state_of

from sluice.contract.projects import FixedWindow, SlidingWindow, TokenBucket
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.limits.redis import RedisLimiter

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from tests.conformance.conftest import Clock

    from sluice.gateway.limits.port import Decision, Limiter

RULES = st.one_of(
    st.builds(TokenBucket, capacity=st.integers(1, 20), refill=st.integers(1, 30), per_s=st.integers(1, 3)),
    st.builds(FixedWindow, limit=st.integers(1, 20), per_s=st.integers(1, 3)),
    st.builds(SlidingWindow, limit=st.integers(1, 20), per_s=st.integers(1, 3)),
)
LARGE_RULES = st.one_of(
    st.builds(
        TokenBucket, capacity=st.integers(1, 10**6), refill=st.integers(1, 10**9), per_s=st.integers(1, 86_400)
    ),
    st.builds(FixedWindow, limit=st.integers(1, 10**12), per_s=st.integers(1, 86_400)),
    st.builds(SlidingWindow, limit=st.integers(1, 10**12), per_s=st.integers(1, 86_400)),
)
WAITS_MS = st.one_of(st.integers(0, 50), st.integers(0, 3500), st.just(1000))
COSTS = st.one_of(st.integers(0, 25), st.integers(0, 10**13))

_numbers = itertools.count()

with_examples = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example has a bucket of its own, so that it may share the limiter with the others."""


def a_bucket() -> str:
    """A bucket of which no limiter has heard."""
    return f"new-{next(_numbers)}"


@pytest.fixture(params=["memory", "redis"])
def limiter(request: pytest.FixtureRequest, clock: Clock) -> Limiter:
    if request.param == "memory":
        return MemoryLimiter(clock)
    return RedisLimiter(request.getfixturevalue("redis"), timeout_s=30, clock=clock)


@with_examples
@given(rules=st.lists(RULES, min_size=1, max_size=3), steps=st.lists(st.tuples(WAITS_MS, st.integers(0, 25))))
async def test_it_does_what_the_rules_mean(limiter: Limiter, clock: Clock, rules, steps):
    bucket, models = a_bucket(), [model_of(rule) for rule in rules]
    most = min(model.limit for model in models)
    for wait_ms, wanted in steps:
        clock.now_ms += wait_ms
        cost = min(wanted, most)
        passes = all(model.fits(cost, clock.now_ms) for model in models)
        if passes and cost:
            for model in models:
                model.count(cost, clock.now_ms)
        decision = await limiter.take(bucket, rules, cost)
        states = tuple(state_of(model, 0 if passes else cost, clock.now_ms) for model in models)
        assert (decision.passed, decision.states) == (passes, states)


@with_examples
@given(waits_ms=st.lists(WAITS_MS, max_size=80))
async def test_no_interval_holds_more_than_a_sliding_windows_limit_and_nothing_else_is_refused(
    limiter: Limiter, clock: Clock, waits_ms
):
    bucket, limits = a_bucket(), {1000: 5, 4000: 12}
    rules = [SlidingWindow(limit=limit, per_s=length_ms // 1000) for length_ms, limit in limits.items()]
    passed: list[int] = []
    for wait_ms in waits_ms:
        clock.now_ms += wait_ms
        would_pass = [*passed, clock.now_ms]
        fits = all(
            sum(start <= at < start + length_ms for at in would_pass) <= limit
            for start in would_pass
            for length_ms, limit in limits.items()
        )
        assert (await limiter.take(bucket, rules, 1)).passed == fits
        if fits:
            passed = would_pass


@with_examples
@given(
    rules=st.lists(st.one_of(RULES, LARGE_RULES), min_size=1, max_size=3),
    steps=st.lists(st.tuples(WAITS_MS, COSTS, st.booleans())),
)
async def test_redis_and_memory_say_the_same(redis: Redis, clock: Clock, rules, steps):
    bucket, limiters = a_bucket(), (MemoryLimiter(clock), RedisLimiter(redis, timeout_s=30, clock=clock))
    passed: list[tuple[int, Decision]] = []
    for wait_ms, cost, gives_back in steps:
        clock.now_ms += wait_ms
        if gives_back and passed:
            taken_cost, taken = passed.pop(cost % len(passed))
            for limiter in limiters:
                await limiter.give_back(bucket, rules, taken_cost, taken)
        in_memory, in_redis = [await limiter.take(bucket, rules, cost) for limiter in limiters]
        assert in_memory == in_redis
        if in_memory.passed:
            passed.append((cost, in_memory))
