"""Rate limits in this process's memory: exact for one gateway, each gateway counting for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.gateway.limits.counters import counter_of
from sluice.gateway.limits.port import UNCOUNTED, Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule
    from sluice.gateway.limits.counters import Counter
    from sluice.role.clock import Clock


class MemoryLimiter:
    """See `sluice.gateway.limits.port.Limiter`. The clock must never go back: give it a monotonic one.

    Buckets of which everything would pass again are forgotten from time to time, so that keys that were revoked and
    rules that were changed leave nothing behind: such a bucket is like one of which nobody has heard. They are looked
    for when `forget_at` are remembered, and after that whenever their number has doubled.
    """

    def __init__(self, clock: Clock, *, forget_at: int = 1024) -> None:
        self._clock = clock
        self._counters: dict[tuple[str, tuple[Rule, ...]], tuple[Counter, ...]] = {}
        self._least_forget_at = self._forget_at = forget_at

    @property
    def remembered(self) -> int:
        """How many buckets are remembered, one that had other rules before as two."""
        return len(self._counters)

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        """Count `cost` if all rules allow it."""
        if not rules:
            return UNCOUNTED
        now_ms = self._clock()
        counters = self._of(bucket, rules, now_ms)
        states = tuple(counter.look(cost, now_ms) for counter in counters)
        if any(state.retry_after_ms for state in states):
            return Decision(passed=False, states=states, at_ms=now_ms)
        if cost:
            for counter in counters:
                counter.count(cost)
            states = tuple(counter.look(0, now_ms) for counter in counters)
        return Decision(passed=True, states=states, at_ms=now_ms)

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int, taken: Decision) -> None:
        """Undo a `take`."""
        now_ms = self._clock()
        for counter in self._of(bucket, rules, now_ms):
            counter.look(0, now_ms)
            counter.give_back(cost, taken.at_ms)

    def _of(self, bucket: str, rules: Sequence[Rule], now_ms: int) -> tuple[Counter, ...]:
        which = bucket, tuple(rules)
        if which not in self._counters:
            if len(self._counters) >= self._forget_at:
                self._forget(now_ms)
            self._counters[which] = tuple(counter_of(rule, now_ms) for rule in rules)
        return self._counters[which]

    def _forget(self, now_ms: int) -> None:
        self._counters = {
            which: counters
            for which, counters in self._counters.items()
            if any(counter.look(0, now_ms).reset_ms for counter in counters)
        }
        self._forget_at = max(self._least_forget_at, 2 * len(self._counters))
