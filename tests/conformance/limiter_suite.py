"""What every limiter does, in memory or elsewhere.

A subclass of `LimiterSuite` gives a fixture `limiter`, and a fixture `clock` that the limiter goes by.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Protocol

import pytest

from sluice.contract.projects import FixedWindow, Rule, SlidingWindow, TokenBucket
from sluice.gateway.limits.port import Decision, Limiter

BUCKET = TokenBucket(capacity=15_000, refill=10_000, per_s=60)
SLOW_BUCKET = TokenBucket(capacity=3, refill=1, per_s=10)
WINDOW = FixedWindow(limit=1000, per_s=60)
SECOND = SlidingWindow(limit=10, per_s=1)
MINUTE = SlidingWindow(limit=150, per_s=60)

EACH_KIND = pytest.mark.parametrize("rule", [BUCKET, WINDOW, MINUTE], ids=lambda rule: rule.kind)


class SettableClock(Protocol):
    now_ms: int


async def take(limiter: Limiter, cost: int, *rules: Rule, bucket: str = "a") -> Decision:
    return await limiter.take(bucket, rules, cost)


async def give_back(limiter: Limiter, cost: int, taken: Decision, *rules: Rule, bucket: str = "a") -> None:
    await limiter.give_back(bucket, rules, cost, taken)


async def remaining(limiter: Limiter, *rules: Rule, bucket: str = "a") -> int:
    return min(state.remaining for state in (await limiter.take(bucket, rules, 0)).states)


async def reset_ms(limiter: Limiter, rule: Rule) -> int:
    return (await take(limiter, 0, rule)).states[0].reset_ms


async def passes_after_its_wait_and_not_before(
    limiter: Limiter, clock: SettableClock, cost: int, rule: Rule, wait_ms: int
) -> None:
    """Look at a cost that does not pass now."""
    refused = await take(limiter, cost, rule)
    assert not refused.passed
    assert refused.states[0].retry_after_ms == wait_ms
    clock.now_ms += wait_ms - 1
    assert not (await take(limiter, cost, rule)).passed
    clock.now_ms += 1
    assert (await take(limiter, cost, rule)).passed


def limit_of(rule: Rule) -> int:
    return rule.capacity if isinstance(rule, TokenBucket) else rule.limit


class AnyKind:
    """What holds for every kind of limit."""

    @EACH_KIND
    async def test_a_burst_of_the_whole_limit_passes_and_the_next_one_does_not(self, limiter: Limiter, rule: Rule):
        for _ in range(10):
            assert (await take(limiter, limit_of(rule) // 10, rule)).passed
        assert await remaining(limiter, rule) == 0
        assert not (await take(limiter, 1, rule)).passed

    @EACH_KIND
    async def test_all_of_it_passes_at_once_and_one_more_does_not(self, limiter: Limiter, rule: Rule):
        assert not (await take(limiter, limit_of(rule) + 1, rule)).passed
        assert (await take(limiter, limit_of(rule), rule)).passed

    @EACH_KIND
    async def test_who_does_not_pass_counts_for_nothing(self, limiter: Limiter, rule: Rule):
        await take(limiter, limit_of(rule) - 1, rule)
        refused = await take(limiter, 2, rule)
        assert (refused.passed, refused.states[0].remaining) == (False, 1)
        assert (await take(limiter, 1, rule)).passed

    @EACH_KIND
    async def test_the_states_tell_what_is_left(self, limiter: Limiter, rule: Rule):
        decision = await take(limiter, 1, rule)
        assert decision.passed
        (state,) = decision.states
        assert (state.limit, state.remaining) == (limit_of(rule), limit_of(rule) - 1)
        assert state.retry_after_ms == 0

    @EACH_KIND
    async def test_nothing_needs_to_be_reset_before_something_counts(self, limiter: Limiter, rule: Rule):
        assert (await take(limiter, 0, rule)).states[0].reset_ms == 0

    @EACH_KIND
    async def test_a_cost_of_nothing_shows_the_states_and_changes_none(self, limiter: Limiter, rule: Rule):
        full = await take(limiter, limit_of(rule), rule)
        for _ in range(3):
            assert await take(limiter, 0, rule) == full

    @EACH_KIND
    async def test_after_the_reset_it_names_everything_passes_and_not_before(
        self, limiter: Limiter, clock: SettableClock, rule: Rule
    ):
        decision = await take(limiter, 7, rule)
        clock.now_ms += decision.states[0].reset_ms - 1
        assert not (await take(limiter, limit_of(rule), rule)).passed
        clock.now_ms += 1
        assert (await take(limiter, limit_of(rule), rule)).passed

    @EACH_KIND
    async def test_it_never_holds_more_than_its_limit(self, limiter: Limiter, clock: SettableClock, rule: Rule):
        await take(limiter, 1, rule)
        clock.now_ms += 3_600_000
        assert await remaining(limiter, rule) == limit_of(rule)

    @EACH_KIND
    @pytest.mark.parametrize("used", [0, 1])
    async def test_a_cost_above_the_limit_never_passes_and_is_told_to_wait(
        self, limiter: Limiter, clock: SettableClock, rule: Rule, used: int
    ):
        await take(limiter, used, rule)
        for _ in range(3):
            refused = await take(limiter, limit_of(rule) + 1, rule)
            assert not refused.passed
            assert refused.states[0].retry_after_ms > 0
            clock.now_ms += refused.states[0].retry_after_ms
        assert not (await take(limiter, 10**18, rule)).passed

    @EACH_KIND
    async def test_buckets_are_separate(self, limiter: Limiter, rule: Rule):
        await take(limiter, limit_of(rule), rule, bucket="a")
        assert (await take(limiter, limit_of(rule), rule, bucket="b")).passed

    async def test_a_bucket_may_have_any_name(self, limiter: Limiter):
        for name in ("", " ", "a:b", "{a}", "ключ\n", "x" * 1000):
            assert (await take(limiter, 10, SECOND, bucket=name)).passed
            assert not (await take(limiter, 1, SECOND, bucket=name)).passed

    @EACH_KIND
    async def test_of_many_at_once_only_as_many_pass_as_the_limit_allows(self, limiter: Limiter, rule: Rule):
        await take(limiter, limit_of(rule) - 7, rule)
        decisions = await asyncio.gather(*(take(limiter, 1, rule) for _ in range(50)))
        assert sum(decision.passed for decision in decisions) == 7

    @EACH_KIND
    async def test_what_is_given_back_can_be_taken_again(self, limiter: Limiter, clock: SettableClock, rule: Rule):
        taken = await take(limiter, 5, rule)
        await take(limiter, limit_of(rule) - 5, rule)
        await give_back(limiter, 5, taken, rule)
        assert (await take(limiter, 5, rule)).passed
        assert not (await take(limiter, 1, rule)).passed

    @EACH_KIND
    async def test_when_all_is_given_back_it_is_as_before(self, limiter: Limiter, clock: SettableClock, rule: Rule):
        before = await take(limiter, 0, rule)
        taken = await take(limiter, 5, rule)
        await give_back(limiter, 5, taken, rule)
        assert await take(limiter, 0, rule) == before

    @EACH_KIND
    async def test_no_more_than_was_taken_can_be_given_back(self, limiter: Limiter, rule: Rule):
        taken = await take(limiter, 3, rule)
        for _ in range(2):
            await give_back(limiter, 3, taken, rule)
        assert await remaining(limiter, rule) == limit_of(rule)

    @EACH_KIND
    async def test_other_rules_for_a_bucket_start_anew(self, limiter: Limiter, rule: Rule):
        await take(limiter, limit_of(rule), rule)
        assert await remaining(limiter, SLOW_BUCKET) == 3
        assert await remaining(limiter, rule, SLOW_BUCKET) == 3
        assert (await take(limiter, limit_of(rule) + 1, _with_one_more(rule))).passed

    @EACH_KIND
    async def test_rules_that_were_read_again_go_on(self, limiter: Limiter, rule: Rule):
        await take(limiter, limit_of(rule), rule)
        assert await remaining(limiter, rule.model_copy()) == 0
        assert not (await limiter.take("a", [rule.model_copy()], 1)).passed

    async def test_all_rules_of_a_bucket_hold_or_none_counts(self, limiter: Limiter):
        rules = (BUCKET, SLOW_BUCKET, WINDOW, MINUTE)
        for _ in range(3):
            assert (await take(limiter, 1, *rules)).passed
        refused = await take(limiter, 1, *rules)
        assert not refused.passed
        assert [state.remaining for state in refused.states] == [14_997, 0, 997, 147]
        assert [state.retry_after_ms for state in refused.states] == [0, 10_000, 0, 0]

    async def test_all_rules_of_a_bucket_get_back_what_was_taken(self, limiter: Limiter):
        rules = (BUCKET, SLOW_BUCKET, WINDOW, MINUTE)
        taken = await take(limiter, 2, *rules)
        await give_back(limiter, 2, taken, *rules)
        assert [state.remaining for state in (await take(limiter, 0, *rules)).states] == [15_000, 3, 1000, 150]

    async def test_a_client_is_told_whole_seconds_rounded_up(self, limiter: Limiter):
        await take(limiter, 15_000, BUCKET)
        assert (await take(limiter, 1, BUCKET)).retry_after_s == 1
        assert (await take(limiter, 166, BUCKET)).retry_after_s == 1
        assert (await take(limiter, 167, BUCKET)).retry_after_s == 2

    async def test_a_client_is_told_the_longest_wait_of_all_rules(self, limiter: Limiter):
        await take(limiter, 3, SLOW_BUCKET, SECOND)
        assert (await take(limiter, 8, SLOW_BUCKET, SECOND)).retry_after_s == 30
        assert (await take(limiter, 1, SLOW_BUCKET, SECOND)).retry_after_s == 10

    async def test_without_rules_everything_passes(self, limiter: Limiter):
        assert await take(limiter, 10**9) == Decision(passed=True, states=())


def _with_one_more(rule: Rule) -> Rule:
    field = "capacity" if isinstance(rule, TokenBucket) else "limit"
    return rule.model_copy(update={field: limit_of(rule) + 1})


class TokenBuckets:
    """What holds for token buckets: they refill evenly."""

    async def test_it_refills_evenly(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 15_000, BUCKET)
        for elapsed_ms, tokens in ((5, 0), (1, 1), (5, 1), (1, 2), (59_988, 10_000)):
            clock.now_ms += elapsed_ms
            assert await remaining(limiter, BUCKET) == tokens

    async def test_a_token_is_reset_as_soon_as_it_has_come_again(self, limiter: Limiter):
        assert (await take(limiter, 1, BUCKET)).states[0].reset_ms == 6

    async def test_the_same_cost_passes_after_the_time_it_names_and_not_before(
        self, limiter: Limiter, clock: SettableClock
    ):
        await take(limiter, 15_000, BUCKET)
        await passes_after_its_wait_and_not_before(limiter, clock, 100, BUCKET, 600)

    async def test_a_token_that_comes_between_two_milliseconds_passes_at_the_second(
        self, limiter: Limiter, clock: SettableClock
    ):
        seven_a_second = TokenBucket(capacity=1, refill=7, per_s=1)
        await take(limiter, 1, seven_a_second)
        await passes_after_its_wait_and_not_before(limiter, clock, 1, seven_a_second, 143)

    async def test_the_sustained_rate_is_exact_over_an_hour(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 15_000, BUCKET)
        passed = 0
        for _ in range(3600):
            clock.now_ms += 1000
            passed += (await take(limiter, 166, BUCKET)).passed * 166
        assert passed + await remaining(limiter, BUCKET) == 600_000

    async def test_what_is_given_back_to_a_bucket_that_has_refilled_runs_over(
        self, limiter: Limiter, clock: SettableClock
    ):
        taken = await take(limiter, 100, BUCKET)
        clock.now_ms += 300
        await give_back(limiter, 100, taken, BUCKET)
        assert await remaining(limiter, BUCKET) == 15_000

    async def test_fractions_of_a_very_large_bucket_are_exact(self, limiter: Limiter, clock: SettableClock):
        large = TokenBucket(capacity=9_999_999_990, refill=999_999_999, per_s=2997)
        fills_in_ms = 29_970_000
        await take(limiter, large.capacity, large)
        clock.now_ms += fills_in_ms - 101
        for left_ms in range(100, 0, -1):
            clock.now_ms += 1
            assert await reset_ms(limiter, large) == left_ms

    async def test_a_large_bucket_that_fills_for_a_month_is_exact(self, limiter: Limiter, clock: SettableClock):
        month = TokenBucket(capacity=1_000_000, refill=999_983, per_s=30 * 24 * 3600)
        await take(limiter, 1_000_000, month)
        month_ms = 30 * 24 * 3600 * 1000
        assert (await take(limiter, 0, month)).states[0].reset_ms == -(-1_000_000 * month_ms // 999_983)
        clock.now_ms += month_ms
        assert await remaining(limiter, month) == 999_983


class FixedWindows:
    """What holds for fixed windows: they start with the first request that counts."""

    async def test_all_of_it_is_there_again_at_the_end_and_nothing_before(
        self, limiter: Limiter, clock: SettableClock
    ):
        await take(limiter, 1000, WINDOW)
        clock.now_ms += 59_999
        assert await remaining(limiter, WINDOW) == 0
        clock.now_ms += 1
        assert await remaining(limiter, WINDOW) == 1000

    async def test_a_window_starts_with_the_first_request_that_counts(self, limiter: Limiter, clock: SettableClock):
        clock.now_ms += 12_345
        await take(limiter, 0, WINDOW)
        await take(limiter, 1001, WINDOW)
        clock.now_ms += 30_000
        assert await reset_ms(limiter, WINDOW) == 0
        await take(limiter, 1, WINDOW)
        assert await reset_ms(limiter, WINDOW) == 60_000

    async def test_later_requests_do_not_move_the_end(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 1, WINDOW)
        clock.now_ms += 59_000
        assert (await take(limiter, 1, WINDOW)).states[0].reset_ms == 1000

    async def test_the_next_window_starts_with_the_next_request(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 1, WINDOW)
        clock.now_ms += 65_000
        assert (await take(limiter, 1, WINDOW)).states[0].reset_ms == 60_000

    async def test_the_same_cost_passes_after_the_time_it_names_and_not_before(
        self, limiter: Limiter, clock: SettableClock
    ):
        await take(limiter, 1, WINDOW)
        clock.now_ms += 1234
        await take(limiter, 999, WINDOW)
        await passes_after_its_wait_and_not_before(limiter, clock, 1, WINDOW, 58_766)

    async def test_a_window_from_which_all_was_given_back_has_not_started(
        self, limiter: Limiter, clock: SettableClock
    ):
        taken = await take(limiter, 1, WINDOW)
        clock.now_ms += 1000
        await give_back(limiter, 1, taken, WINDOW)
        clock.now_ms += 1000
        assert (await take(limiter, 1, WINDOW)).states[0].reset_ms == 60_000

    async def test_what_a_former_window_counted_is_not_given_back_to_this_one(
        self, limiter: Limiter, clock: SettableClock
    ):
        taken = await take(limiter, 5, WINDOW)
        clock.now_ms += 60_000
        await take(limiter, 1000, WINDOW)
        await give_back(limiter, 5, taken, WINDOW)
        assert await remaining(limiter, WINDOW) == 0


class SlidingWindows:
    """What holds for sliding windows: no interval of their length holds more than the limit, wherever it starts."""

    async def test_each_leaves_the_window_a_length_after_it_was_counted(self, limiter: Limiter, clock: SettableClock):
        for _ in range(10):
            await take(limiter, 1, SECOND)
            clock.now_ms += 10
        clock.now_ms += 899
        assert await remaining(limiter, SECOND) == 0
        for left in range(1, 11):
            clock.now_ms += 1
            assert await remaining(limiter, SECOND) == left
            clock.now_ms += 9

    async def test_no_second_holds_more_than_a_burst_at_its_end(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 1, SECOND)
        clock.now_ms += 999
        await take(limiter, 9, SECOND)
        clock.now_ms += 1
        assert (await take(limiter, 1, SECOND)).passed
        assert not (await take(limiter, 1, SECOND)).passed

    async def test_it_is_reset_when_the_newest_has_left(self, limiter: Limiter, clock: SettableClock):
        await take(limiter, 9, SECOND)
        clock.now_ms += 400
        assert (await take(limiter, 1, SECOND)).states[0].reset_ms == 1000
        clock.now_ms += 400
        assert await reset_ms(limiter, SECOND) == 600

    @pytest.mark.parametrize(("cost", "wait_ms"), [(1, 700), (2, 700), (3, 800), (5, 800), (6, 1000), (10, 1000)])
    async def test_a_cost_passes_once_enough_have_left_and_not_before(
        self, limiter: Limiter, clock: SettableClock, cost: int, wait_ms: int
    ):
        for counted, elapsed_ms in ((2, 100), (3, 200), (5, 0)):
            await take(limiter, counted, SECOND)
            clock.now_ms += elapsed_ms
        await passes_after_its_wait_and_not_before(limiter, clock, cost, SECOND, wait_ms)

    async def test_what_is_given_back_leaves_its_own_moment_and_no_other(
        self, limiter: Limiter, clock: SettableClock
    ):
        taken = await take(limiter, 4, SECOND)
        clock.now_ms += 900
        await take(limiter, 6, SECOND)
        await give_back(limiter, 4, taken, SECOND)
        clock.now_ms += 100
        assert await remaining(limiter, SECOND) == 4

    async def test_what_has_left_the_window_cannot_be_given_back(self, limiter: Limiter, clock: SettableClock):
        taken = await take(limiter, 4, SECOND)
        clock.now_ms += 1000
        await take(limiter, 10, SECOND)
        await give_back(limiter, 4, taken, SECOND)
        assert await remaining(limiter, SECOND) == 0

    async def test_no_more_can_be_given_back_than_its_moment_counted(self, limiter: Limiter, clock: SettableClock):
        taken = await take(limiter, 3, SECOND)
        clock.now_ms += 1
        await take(limiter, 4, SECOND)
        await give_back(limiter, 5, taken, SECOND)
        assert await remaining(limiter, SECOND) == 6

    async def test_what_shares_a_moment_is_given_back_alone(self, limiter: Limiter):
        taken = await take(limiter, 4, SECOND)
        await take(limiter, 5, SECOND)
        await give_back(limiter, 4, taken, SECOND)
        assert await remaining(limiter, SECOND) == 5

    async def test_ten_a_second_pass_for_fifteen_seconds_and_then_none_within_the_minute(
        self, limiter: Limiter, clock: SettableClock
    ):
        for _ in range(15):
            for _ in range(10):
                assert (await take(limiter, 1, SECOND, MINUTE)).passed
            assert not (await take(limiter, 1, SECOND, MINUTE)).passed
            clock.now_ms += 1000
        refused = await take(limiter, 1, SECOND, MINUTE)
        assert [state.retry_after_ms for state in refused.states] == [0, 45_000]
        assert refused.retry_after_s == 45

    async def test_who_waits_for_the_whole_seconds_named_passes_both_windows(
        self, limiter: Limiter, clock: SettableClock
    ):
        pauses = Random(4)
        waits: set[int] = set()
        for _ in range(500):
            decision = await take(limiter, 1, SECOND, MINUTE)
            if not decision.passed:
                waits.add(decision.retry_after_s)
                clock.now_ms += decision.retry_after_s * 1000
                assert (await take(limiter, 1, SECOND, MINUTE)).passed
            clock.now_ms += pauses.randrange(100)
        assert min(waits) == 1
        assert max(waits) > 30


class LimiterSuite(AnyKind, TokenBuckets, FixedWindows, SlidingWindows):
    """All of it."""
