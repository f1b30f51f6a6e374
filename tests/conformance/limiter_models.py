"""What each kind of limit means, as plainly as can be said: whether a cost fits at a moment, and what counting does.

All else follows: what remains is the most that fits, and a wait lasts until something fits.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from sluice.contract.projects import FixedWindow, Rule, SlidingWindow, TokenBucket
from sluice.gateway.limits.port import State

if TYPE_CHECKING:
    from collections.abc import Callable


class Model(Protocol):
    limit: int
    longest_ms: int
    """How long it takes at most until everything fits."""

    def fits(self, cost: int, at_ms: int) -> bool: ...

    def count(self, cost: int, at_ms: int) -> None: ...


class TokenBucketModel:
    def __init__(self, rule: TokenBucket) -> None:
        self.limit = rule.capacity
        self.rate = Fraction(rule.refill, rule.per_s * 1000)
        self.longest_ms = int(self.limit / self.rate) + 1
        self.level = Fraction(self.limit)
        self.at_ms = 0

    def fits(self, cost: int, at_ms: int) -> bool:
        return cost <= self.level_at(at_ms)

    def count(self, cost: int, at_ms: int) -> None:
        self.level = self.level_at(at_ms) - cost
        self.at_ms = at_ms

    def level_at(self, at_ms: int) -> Fraction:
        return min(Fraction(self.limit), self.level + (at_ms - self.at_ms) * self.rate)


class FixedWindowModel:
    def __init__(self, rule: FixedWindow) -> None:
        self.limit, self.longest_ms = rule.limit, rule.per_s * 1000
        self.start_ms, self.used = 0, 0

    def fits(self, cost: int, at_ms: int) -> bool:
        return self.used_at(at_ms) + cost <= self.limit

    def count(self, cost: int, at_ms: int) -> None:
        if not self.used_at(at_ms):
            self.start_ms, self.used = at_ms, 0
        self.used += cost

    def used_at(self, at_ms: int) -> int:
        return self.used if at_ms < self.start_ms + self.longest_ms else 0


class SlidingWindowModel:
    def __init__(self, rule: SlidingWindow) -> None:
        self.limit, self.longest_ms = rule.limit, rule.per_s * 1000
        self.counted: list[tuple[int, int]] = []

    def fits(self, cost: int, at_ms: int) -> bool:
        used = sum(counted for then_ms, counted in self.counted if at_ms - then_ms < self.longest_ms)
        return used + cost <= self.limit

    def count(self, cost: int, at_ms: int) -> None:
        self.counted.append((at_ms, cost))


def model_of(rule: Rule) -> Model:
    match rule:
        case TokenBucket():
            return TokenBucketModel(rule)
        case FixedWindow():
            return FixedWindowModel(rule)
        case SlidingWindow():
            return SlidingWindowModel(rule)


def state_of(model: Model, cost: int, at_ms: int) -> State:
    """What a limiter says of a cost that is within the limit."""

    def wait_for(cost: int) -> int:
        waits = range(model.longest_ms + 1)
        return bisect_left(waits, True, key=lambda wait_ms: model.fits(cost, at_ms + wait_ms))

    fits_not: Callable[[int], bool] = lambda cost: not model.fits(cost, at_ms)  # noqa: E731
    return State(
        limit=model.limit,
        remaining=bisect_left(range(model.limit + 1), True, key=fits_not) - 1,
        reset_ms=wait_for(model.limit),
        retry_after_ms=wait_for(cost),
    )
