"""How each kind of limit counts: exact, in whole numbers, to the millisecond. `take.lua` counts alike in Redis.

Times are in milliseconds and never run backwards. A counter is told the time by `look`; what follows counts then.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from sluice.contract.projects import FixedWindow, Rule, SlidingWindow, TokenBucket
from sluice.gateway.limits.port import State


class Counter(Protocol):
    """One rule's state for one bucket."""

    def look(self, cost: int, now_ms: int) -> State:
        """Tell where the rule stands; `retry_after_ms` is 0 exactly when this cost passes now."""

    def count(self, cost: int) -> None:
        """Count a cost that passes."""

    def give_back(self, cost: int, counted_at_ms: int) -> None:
        """Undo a cost that was counted at that time."""


def counter_of(rule: Rule, now_ms: int) -> Counter:
    """Give a rule's counter with nothing counted."""
    match rule:
        case TokenBucket():
            return _TokenBucketCounter(rule, now_ms)
        case FixedWindow():
            return _FixedWindowCounter(rule)
        case SlidingWindow():
            return _SlidingWindowCounter(rule)


def window_ms(rule: FixedWindow | SlidingWindow) -> int:
    """Give a window's length."""
    return rule.per_s * 1000


def fractions(rule: TokenBucket) -> tuple[int, int]:
    """Give how many fractions make a token, and how many come each millisecond: the smallest whole numbers."""
    per_ms = rule.per_s * 1000
    shared = math.gcd(per_ms, rule.refill)
    return per_ms // shared, rule.refill // shared


class _TokenBucketCounter:
    """The level is kept in fractions of a token, `unit` of them to each."""

    def __init__(self, rule: TokenBucket, now_ms: int) -> None:
        self._unit, self._refill = fractions(rule)
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
            reset_ms=self._ms_for(self._full - self._level),
            retry_after_ms=self._retry_after_ms(cost),
        )

    def _retry_after_ms(self, cost: int) -> int:
        if cost > self._capacity:  # never passes
            return self._ms_for(self._full)
        return self._ms_for(cost * self._unit - self._level)

    def count(self, cost: int) -> None:
        self._level -= cost * self._unit

    def give_back(self, cost: int, counted_at_ms: int) -> None:
        del counted_at_ms
        self._level = min(self._full, self._level + cost * self._unit)

    def _ms_for(self, missing: int) -> int:
        return max(0, -(-missing // self._refill))


class _FixedWindowCounter:
    def __init__(self, rule: FixedWindow) -> None:
        self._limit = rule.limit
        self._length_ms = window_ms(rule)
        self._used = 0
        self._start_ms = self._now_ms = 0

    def look(self, cost: int, now_ms: int) -> State:
        self._now_ms = now_ms
        if now_ms >= self._start_ms + self._length_ms:
            self._used = 0
        return State(
            limit=self._limit,
            remaining=self._limit - self._used,
            reset_ms=self._reset_ms(),
            retry_after_ms=self._retry_after_ms(cost),
        )

    def _reset_ms(self) -> int:
        return self._start_ms + self._length_ms - self._now_ms if self._used else 0

    def _retry_after_ms(self, cost: int) -> int:
        if cost > self._limit:  # never passes
            return self._length_ms
        return 0 if self._used + cost <= self._limit else self._reset_ms()

    def count(self, cost: int) -> None:
        if not self._used:
            self._start_ms = self._now_ms
        self._used += cost

    def give_back(self, cost: int, counted_at_ms: int) -> None:
        if counted_at_ms >= self._start_ms:
            self._used = max(0, self._used - cost)


@dataclass(slots=True)
class _Counted:
    """What one millisecond counted."""

    at_ms: int
    cost: int


class _SlidingWindowCounter:
    """Remembers each millisecond in which something was counted, the oldest first."""

    def __init__(self, rule: SlidingWindow) -> None:
        self._limit = rule.limit
        self._length_ms = window_ms(rule)
        self._log: deque[_Counted] = deque()
        self._used = 0
        self._now_ms = 0

    def look(self, cost: int, now_ms: int) -> State:
        self._now_ms = now_ms
        while self._log and self._ms_left(self._log[0]) <= 0:
            self._used -= self._log.popleft().cost
        return State(
            limit=self._limit,
            remaining=self._limit - self._used,
            reset_ms=self._ms_left(self._log[-1]) if self._log else 0,
            retry_after_ms=self._retry_after_ms(cost),
        )

    def _retry_after_ms(self, cost: int) -> int:
        if cost > self._limit:  # never passes
            return self._length_ms
        missing, waits_ms = self._used + cost - self._limit, 0
        for counted in self._log:
            if missing <= 0:
                break
            missing -= counted.cost
            waits_ms = self._ms_left(counted)
        return waits_ms

    def _ms_left(self, counted: _Counted) -> int:
        return counted.at_ms + self._length_ms - self._now_ms

    def count(self, cost: int) -> None:
        self._used += cost
        if self._log and self._log[-1].at_ms == self._now_ms:
            self._log[-1].cost += cost
        else:
            self._log.append(_Counted(self._now_ms, cost))

    def give_back(self, cost: int, counted_at_ms: int) -> None:
        for counted in self._log:
            if counted.at_ms == counted_at_ms:
                given_back = min(cost, counted.cost)
                self._used -= given_back
                counted.cost -= given_back
        self._log = deque(counted for counted in self._log if counted.cost)
