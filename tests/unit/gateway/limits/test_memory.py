"""What the limiter in memory remembers; how it counts, tests/conformance/test_limiter.py says."""

from __future__ import annotations

import pytest
from tests.unit.gateway.harness import Clock

from sluice.contract.projects import FixedWindow, Rule, SlidingWindow, TokenBucket
from sluice.gateway.limits.memory import MemoryLimiter

FORGET_AT = 8
RULES: list[Rule] = [
    TokenBucket(capacity=2, refill=2, per_s=1),
    FixedWindow(limit=2, per_s=1),
    SlidingWindow(limit=2, per_s=1),
]

each_kind = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)


@pytest.fixture
def clock() -> Clock:
    return Clock(0)


@pytest.fixture
def limiter(clock: Clock) -> MemoryLimiter:
    return MemoryLimiter(clock, forget_at=FORGET_AT)


async def test_rules_that_change_for_ever_leave_nothing_behind(limiter: MemoryLimiter, clock: Clock):
    for limit in range(1, 1000):
        await limiter.take("a", [FixedWindow(limit=limit, per_s=1)], 1)
        clock.now_ms += 1000
        assert limiter.remembered <= FORGET_AT


async def test_keys_that_come_and_go_leave_nothing_behind(limiter: MemoryLimiter, clock: Clock):
    for key in range(1000):
        await limiter.take(f"key/{key}", RULES, 1)
        clock.now_ms += 1000
        assert limiter.remembered <= FORGET_AT


async def test_to_look_at_a_bucket_does_not_make_it_remembered_for_long(limiter: MemoryLimiter):
    for key in range(1000):
        await limiter.take(f"key/{key}", RULES, 0)
        assert limiter.remembered <= FORGET_AT


@each_kind
async def test_a_bucket_is_remembered_until_all_of_it_passes_again(limiter: MemoryLimiter, clock: Clock, rule: Rule):
    for key in range(1000):
        await limiter.take(f"key/{key}", [rule], 2)
    assert limiter.remembered == 1000
    clock.now_ms += 999
    for key in range(1000):
        assert not (await limiter.take(f"key/{key}", [rule], 2)).passed
    clock.now_ms += 1
    for key in range(1000, 2000):
        await limiter.take(f"key/{key}", [rule], 0)
    assert limiter.remembered < 1100


async def test_one_rule_that_still_counts_keeps_a_bucket(limiter: MemoryLimiter, clock: Clock):
    rules = (FixedWindow(limit=1000, per_s=1), FixedWindow(limit=1, per_s=3600))
    await limiter.take("a", rules, 1)
    clock.now_ms += 1000
    for key in range(100):
        await limiter.take(f"key/{key}", RULES, 0)
    assert not (await limiter.take("a", rules, 1)).passed


async def test_what_is_given_back_to_a_bucket_that_was_forgotten_changes_nothing(
    limiter: MemoryLimiter, clock: Clock
):
    taken = await limiter.take("a", RULES, 2)
    clock.now_ms += 1000
    for key in range(100):
        await limiter.take(f"key/{key}", RULES, 0)
    await limiter.give_back("a", RULES, 2, taken)
    assert [state.remaining for state in (await limiter.take("a", RULES, 0)).states] == [2, 2, 2]
