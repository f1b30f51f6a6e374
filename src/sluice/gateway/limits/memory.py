"""Rate limits in this process's memory: exact for one gateway, each gateway counting for itself."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from sluice.contract.projects import FixedWindow, SlidingWindow, TokenBucket
from sluice.gateway.limits.port import Decision, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule
    from sluice.gateway.clock import Clock


class Counter(Protocol):
    """One rule's state for one bucket; time is given in milliseconds and never runs backwards."""

    def look(self, cost: int, now_ms: int) -> State:
        """Tell where the rule stands; `retry_after_ms` is 0 exactly when this cost passes now."""

    def count(self, cost: int) -> None:
        """Count a cost (a negative one is given back), at the time of the last look."""


class MemoryLimiter:
    """See `sluice.gateway.limits.port.Limiter`. The clock must never go back: give it a monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now_ms = 0
        self._counters: dict[str, tuple[Sequence[Rule], tuple[Counter, ...]]] = {}

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        """Count `cost` if all rules allow it."""
        counters = self._of(bucket, rules)
        states = tuple(counter.look(cost, self._now_ms) for counter in counters)
        if any(state.retry_after_ms for state in states):
            return Decision(passed=False, states=states)
        if cost:
            for counter in counters:
                counter.count(cost)
            states = tuple(counter.look(0, self._now_ms) for counter in counters)
        return Decision(passed=True, states=states)

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int) -> None:
        """Undo a `take`."""
        for counter in self._of(bucket, rules):
            counter.look(0, self._now_ms)
            counter.count(-cost)

    def _of(self, bucket: str, rules: Sequence[Rule]) -> tuple[Counter, ...]:
        self._now_ms = self._clock()
        known, counters = self._counters.get(bucket, ((), ()))
        if known != rules:  # the settings file has changed: count from nothing
            counters = tuple(_counter(rule, self._now_ms) for rule in rules)
            self._counters[bucket] = (rules, counters)
        return counters


def _counter(rule: Rule, now_ms: int) -> Counter:
    match rule:
        case TokenBucket():
            return _TokenBucketCounter(rule, now_ms)
        case FixedWindow():
            return _FixedWindowCounter(rule)
        case SlidingWindow():
            return _SlidingWindowCounter(rule)


class _TokenBucketCounter:
    """Exact in whole numbers: the level is kept in fractions of a token, `unit` of them to each."""

    def __init__(self, rule: TokenBucket, now_ms: int) -> None:
        self._unit = rule.per_s * 1000
        self._refill = rule.refill  # fractions for each millisecond
        self._capacity = rule.capacity
        self._full = rule.capacity * self._unit
        self._level = self._full
        self._at_ms = now_ms

    def look(self, cost: int, now_ms: int) -> State:
        self._level = min(self._full, self._level + (now_ms - self._at_ms) * self._refill)
        self._at_ms = now_ms
        return State(
            limit=self._capacity,
            remaining=self._level // self._unit,
            reset_ms=self._ms_until(self._full),
            retry_after_ms=self._ms_until(cost * self._unit),
        )

    def count(self, cost: int) -> None:
        self._level -= cost * self._unit

    def _ms_until(self, level: int) -> int:
        return max(0, -(-(level - self._level) // self._refill))


class _FixedWindowCounter:
    def __init__(self, rule: FixedWindow) -> None:
        self._limit = rule.limit
        self._length_ms = rule.per_s * 1000
        self._used = 0
        self._now_ms = self._end_ms = 0

    def look(self, cost: int, now_ms: int) -> State:
        self._now_ms = now_ms
        if now_ms >= self._end_ms:
            self._used = 0
        until_reset_ms = self._end_ms - now_ms if self._used else 0
        passes = self._used + cost <= self._limit
        return State(
            limit=self._limit,
            remaining=self._limit - self._used,
            reset_ms=until_reset_ms,
            retry_after_ms=0 if passes else until_reset_ms or self._length_ms,
        )

    def count(self, cost: int) -> None:
        if not self._used:
            self._end_ms = self._now_ms + self._length_ms
        self._used = max(0, self._used + cost)


class _SlidingWindowCounter:
    """Remembers each cost and when it was counted, the oldest first."""

    def __init__(self, rule: SlidingWindow) -> None:
        self._limit = rule.limit
        self._length_ms = rule.per_s * 1000
        self._counted: deque[tuple[int, int]] = deque()
        self._used = 0
        self._now_ms = 0

    def look(self, cost: int, now_ms: int) -> State:
        self._now_ms = now_ms
        while self._counted and self._counted[0][0] + self._length_ms <= now_ms:
            self._used -= self._counted.popleft()[1]
        return State(
            limit=self._limit,
            remaining=self._limit - self._used,
            reset_ms=self._counted[-1][0] + self._length_ms - now_ms if self._counted else 0,
            retry_after_ms=self._retry_after_ms(cost),
        )

    def _retry_after_ms(self, cost: int) -> int:
        used = self._used
        if used + cost <= self._limit:
            return 0
        for at_ms, counted in self._counted:
            used -= counted
            if used + cost <= self._limit:
                return at_ms + self._length_ms - self._now_ms
        return self._length_ms

    def count(self, cost: int) -> None:
        self._used = max(0, self._used + cost)
        if cost > 0:
            self._counted.append((self._now_ms, cost))
        while cost < 0 and self._counted:  # given back: the newest first
            at_ms, newest = self._counted.pop()
            cost += newest
            if cost > 0:
                self._counted.append((at_ms, cost))
