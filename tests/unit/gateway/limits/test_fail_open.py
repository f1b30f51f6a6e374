"""While the counters are away requests pass, the counters are left alone, and the log says so once a minute."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Retry
from sluice.contract.projects import TokenBucket
from sluice.gateway.limits.fail_open import FailOpen
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.limits.port import UNCOUNTED, Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule

RULES = (TokenBucket(capacity=10, refill=1, per_s=3600),)


class Clock:
    now_ms = 5_000

    def __call__(self) -> int:
        return self.now_ms


class Counters:
    """A limiter in memory that a test can take away, or let hang until it is told to go on."""

    def __init__(self, clock: Clock) -> None:
        self._limiter = MemoryLimiter(clock)
        self.away = False
        self.asked = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        await self._reach()
        return await self._limiter.take(bucket, rules, cost)

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int, taken: Decision) -> None:
        await self._reach()
        await self._limiter.give_back(bucket, rules, cost, taken)

    async def _reach(self) -> None:
        self.asked += 1
        await self.go_on.wait()
        if self.away:
            raise Retry("nobody there")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> Counters:
    return Counters(clock)


@pytest.fixture
def limiter(counters: Counters, clock: Clock) -> FailOpen:
    return FailOpen(counters, clock)


async def take(limiter: FailOpen, cost: int = 1) -> Decision:
    return await limiter.take("a", RULES, cost)


async def remaining(limiter: FailOpen) -> int:
    return (await take(limiter, 0)).states[0].remaining


async def test_counters_that_answer_decide(limiter: FailOpen):
    assert (await take(limiter, 10)).states[0].remaining == 0
    assert not (await take(limiter)).passed
    assert limiter.failures == 0


async def test_what_cannot_be_counted_passes_and_says_nothing_of_its_limit(limiter: FailOpen, counters: Counters):
    counters.away = True
    assert await take(limiter, 11) == UNCOUNTED


async def test_each_request_that_passed_uncounted_is_a_failure(limiter: FailOpen, counters: Counters):
    counters.away = True
    for _ in range(5):
        await take(limiter)
    assert limiter.failures == 5


async def test_who_only_looks_has_nothing_to_be_counted(limiter: FailOpen, counters: Counters):
    counters.away = True
    assert await take(limiter, 0) == UNCOUNTED
    assert limiter.failures == 0


async def test_after_a_failure_the_counters_are_left_alone_for_a_second(
    limiter: FailOpen, counters: Counters, clock: Clock
):
    counters.away = True
    for elapsed_ms in (0, 1, 998):
        clock.now_ms += elapsed_ms
        await take(limiter)
    assert counters.asked == 1
    clock.now_ms += 1
    await take(limiter)
    assert counters.asked == 2


async def test_after_each_further_failure_they_are_left_alone_for_another(
    limiter: FailOpen, counters: Counters, clock: Clock
):
    counters.away = True
    for _ in range(5):
        await take(limiter)
        clock.now_ms += 500
    assert counters.asked == 3


@pytest.mark.parametrize("failures_before", [0, 1])
async def test_they_are_left_alone_for_a_second_after_they_failed_and_not_after_they_were_asked(
    limiter: FailOpen, counters: Counters, clock: Clock, failures_before: int
):
    counters.away = True
    for _ in range(failures_before):
        await take(limiter)
        clock.now_ms += 1000
    counters.go_on.clear()
    asking = asyncio.create_task(take(limiter))
    await asyncio.sleep(0)
    clock.now_ms += 100
    counters.go_on.set()
    await asking
    clock.now_ms += 999
    await take(limiter)
    assert counters.asked == failures_before + 1


async def test_only_one_request_tries_whether_they_are_back(limiter: FailOpen, counters: Counters, clock: Clock):
    counters.away = True
    await take(limiter)
    clock.now_ms += 1000
    counters.go_on.clear()
    trying = asyncio.create_task(take(limiter))
    await asyncio.sleep(0)
    assert await take(limiter) == UNCOUNTED
    counters.go_on.set()
    await trying
    assert counters.asked == 2


async def test_a_try_that_hangs_for_ever_does_not_end_all_tries(limiter: FailOpen, counters: Counters, clock: Clock):
    counters.away = True
    await take(limiter)
    clock.now_ms += 1000
    counters.go_on.clear()
    hanging = asyncio.create_task(take(limiter))
    await asyncio.sleep(0)
    hanging.cancel()
    counters.away = False
    counters.go_on.set()
    clock.now_ms += 1000
    assert await remaining(limiter) == 10


async def test_once_they_are_back_everything_counts_again(limiter: FailOpen, counters: Counters, clock: Clock):
    await take(limiter, 4)
    counters.away = True
    await take(limiter, 3)
    counters.away = False
    clock.now_ms += 1000
    assert await remaining(limiter) == 6
    assert await remaining(limiter) == 6
    assert limiter.failures == 1


async def test_what_was_counted_is_given_back(limiter: FailOpen):
    taken = await take(limiter, 4)
    await limiter.give_back("a", RULES, 4, taken)
    assert await remaining(limiter) == 10


async def test_what_was_not_counted_is_not_given_back(limiter: FailOpen, counters: Counters, clock: Clock):
    await take(limiter, 4)
    counters.away = True
    taken = await take(limiter, 4)
    counters.away = False
    clock.now_ms += 1000
    await limiter.give_back("a", RULES, 4, taken)
    assert await remaining(limiter) == 6


async def test_giving_back_to_counters_that_are_away_does_nothing(
    limiter: FailOpen, counters: Counters, clock: Clock
):
    taken = await take(limiter, 4)
    counters.away = True
    for _ in range(3):
        await limiter.give_back("a", RULES, 4, taken)
    assert (counters.asked, limiter.failures) == (2, 0)
    counters.away = False
    clock.now_ms += 1000
    assert await remaining(limiter) == 6


async def test_a_defect_is_no_outage(limiter: FailOpen, counters: Counters):
    async def broken(*_: object) -> Decision:
        raise AttributeError("a mistake of ours")

    counters.take = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(AttributeError):
        await take(limiter)


class TestLog:
    @pytest.fixture
    def said(self, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
        caplog.set_level(logging.INFO, "sluice.gateway.limits.fail_open")
        return caplog

    async def test_the_first_failure_is_said_at_once(self, limiter: FailOpen, counters: Counters, said):
        counters.away = True
        await take(limiter)
        assert said.messages == ["limits are not held: nobody there; requests that passed uncounted: 1"]

    async def test_the_others_are_said_once_a_minute_with_their_number(
        self, limiter: FailOpen, counters: Counters, clock: Clock, said
    ):
        counters.away = True
        await take(limiter)
        for _ in range(599):
            clock.now_ms += 100
            await take(limiter)
        assert len(said.messages) == 1
        clock.now_ms += 100
        await take(limiter)
        assert said.messages[1:] == ["limits are not held: nobody there; requests that passed uncounted: 600"]

    async def test_the_end_is_said_once_with_what_was_not_said_yet(
        self, limiter: FailOpen, counters: Counters, clock: Clock, said
    ):
        counters.away = True
        for _ in range(4):
            await take(limiter)
        counters.away = False
        clock.now_ms += 1000
        for _ in range(2):
            await take(limiter)
        assert said.messages[1:] == ["limits are held again; further requests that had passed uncounted: 3"]
        counters.away = True
        clock.now_ms += 60_000
        await take(limiter)
        assert said.messages[2:] == ["limits are not held: nobody there; requests that passed uncounted: 1"]

    async def test_counters_that_come_and_go_are_said_once_a_minute(
        self, limiter: FailOpen, counters: Counters, clock: Clock, said
    ):
        for second in range(120):
            counters.away = second % 2 == 0
            await take(limiter)
            clock.now_ms += 1000
        assert [message.split(":")[0].split(";")[0] for message in said.messages] == [
            "limits are not held",
            "limits are held again",
        ] * 2
        assert said.messages[2].endswith("uncounted: 30")

    async def test_counters_that_answer_are_not_spoken_of(self, limiter: FailOpen, said):
        await take(limiter)
        assert said.messages == []
