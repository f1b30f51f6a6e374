"""What every limiter does, in memory or elsewhere.

A subclass gives a fixture `limiter`, and a fixture `clock` that the limiter goes by.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from sluice.contract.projects import TokenBucket
from sluice.gateway.limits.port import Decision, Limiter

RULE = TokenBucket(capacity=15_000, refill=10_000, per_s=60)
SLOW = TokenBucket(capacity=3, refill=1, per_s=10)


class SettableClock(Protocol):
    now_ms: int


async def take(limiter: Limiter, cost: int, bucket: str = "a", rule: TokenBucket = RULE) -> Decision:
    return await limiter.take(bucket, (rule,), cost)


async def remaining(limiter: Limiter, bucket: str = "a", rule: TokenBucket = RULE) -> int:
    return (await limiter.take(bucket, (rule,), 0)).states[0].remaining


class LimiterSuite:
    async def test_a_burst_of_the_whole_capacity_passes(self, limiter: Limiter):
        for _ in range(15):
            assert (await take(limiter, 1000)).passed
        assert await remaining(limiter) == 0

    async def test_the_first_one_over_the_limit_does_not_pass(self, limiter: Limiter):
        assert (await take(limiter, 15_000)).passed
        assert not (await take(limiter, 1)).passed

    async def test_who_does_not_pass_counts_for_nothing(self, limiter: Limiter):
        await take(limiter, 14_999)
        assert not (await take(limiter, 2)).passed
        assert (await take(limiter, 1)).passed

    async def test_the_states_tell_what_is_left(self, limiter: Limiter):
        decision = await take(limiter, 1)
        assert (decision.states[0].limit, decision.states[0].remaining) == (15_000, 14_999)
        assert decision.states[0].reset_ms == 6
        assert decision.states[0].retry_after_ms == 0

    async def test_a_cost_of_nothing_shows_the_states_and_changes_none(self, limiter: Limiter):
        await take(limiter, 15_000)
        for _ in range(3):
            decision = await take(limiter, 0)
            assert (decision.passed, decision.states[0].remaining) == (True, 0)

    async def test_it_refills_evenly(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 15_000)
        for elapsed_ms, tokens in ((5, 0), (1, 1), (5, 1), (1, 2), (59_988, 10_000)):
            clock.now_ms += elapsed_ms
            assert await remaining(limiter) == tokens

    async def test_it_never_holds_more_than_its_capacity(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 1)
        clock.now_ms += 3_600_000
        assert await remaining(limiter) == 15_000
        assert (await take(limiter, 15_000)).passed
        assert not (await take(limiter, 1)).passed

    async def test_the_same_cost_passes_after_the_time_it_names_and_not_before(
        self, limiter: Limiter, clock: SettableClock
    ):
        await take(limiter, 15_000)
        refused = await take(limiter, 100)
        assert refused.states[0].retry_after_ms == 600
        clock.now_ms += 599
        assert not (await take(limiter, 100)).passed
        clock.now_ms += 1
        assert (await take(limiter, 100)).passed

    async def test_a_client_is_told_whole_seconds_rounded_up(self, limiter: Limiter):
        await take(limiter, 3, rule=SLOW)
        assert (await take(limiter, 1, rule=SLOW)).retry_after_s == 10
        await take(limiter, 15_000, "b")
        assert (await take(limiter, 1, "b")).retry_after_s == 1
        assert (await take(limiter, 168, "b")).retry_after_s == 2

    async def test_the_sustained_rate_is_exact_over_an_hour(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 15_000)
        passed = 0
        for _ in range(3600):
            clock.now_ms += 1000
            passed += (await take(limiter, 166)).passed * 166
        assert passed + await remaining(limiter) == 600_000

    async def test_a_token_that_comes_between_two_milliseconds_passes_at_the_second(
        self, limiter: Limiter, clock: SettableClock
    ):
        seven_a_second = TokenBucket(capacity=1, refill=7, per_s=1)
        await take(limiter, 1, rule=seven_a_second)
        assert (await take(limiter, 1, rule=seven_a_second)).states[0].retry_after_ms == 143
        clock.now_ms += 142
        assert not (await take(limiter, 1, rule=seven_a_second)).passed
        clock.now_ms += 1
        assert (await take(limiter, 1, rule=seven_a_second)).passed

    async def test_buckets_are_separate(self, limiter: Limiter):
        await take(limiter, 15_000, "a")
        assert (await take(limiter, 15_000, "b")).passed

    async def test_all_rules_of_a_bucket_hold_or_none_counts(self, limiter: Limiter):
        rules = (RULE, SLOW)
        for _ in range(3):
            assert (await limiter.take("c", rules, 1)).passed
        refused = await limiter.take("c", rules, 1)
        assert not refused.passed
        assert [state.remaining for state in refused.states] == [14_997, 0]
        assert refused.retry_after_s == 10

    async def test_what_is_given_back_can_be_taken_again(self, limiter: Limiter):
        taken = await take(limiter, 15_000)
        await limiter.give_back("a", (RULE,), 1000, taken)
        assert (await take(limiter, 1000)).passed
        assert not (await take(limiter, 1)).passed

    async def test_no_more_than_was_taken_can_be_given_back(self, limiter: Limiter):
        taken = await take(limiter, 3, "b")
        await limiter.give_back("a", (RULE,), 3, taken)
        assert await remaining(limiter) == 15_000

    async def test_two_at_once_do_not_both_get_the_last_token(self, limiter: Limiter):
        await take(limiter, 14_999)
        decisions = await asyncio.gather(*(take(limiter, 1) for _ in range(10)))
        assert sum(decision.passed for decision in decisions) == 1

    async def test_without_rules_everything_passes(self, limiter: Limiter):
        assert await limiter.take("d", (), 10**9) == Decision(passed=True, states=())
