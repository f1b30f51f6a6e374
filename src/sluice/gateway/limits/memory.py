"""Rate limits in this process's memory: exact for one gateway, each gateway counting for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sluice.gateway.limits.port import Decision, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule, TokenBucket
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
        self._counters: dict[str, tuple[Counter, ...]] = {}

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
        counters = self._counters.get(bucket)
        if counters is None:
            counters = self._counters[bucket] = tuple(_TokenBucketCounter(rule, self._now_ms) for rule in rules)
        return counters


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
