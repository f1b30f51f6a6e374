"""The port of rate limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule


@dataclass(frozen=True, slots=True)
class State:
    """Where one rule stands after a request was counted, or was not.

    `limit` is what passes at most at once, `remaining` what would pass now; `reset_ms` is how long until everything
    passes again, `retry_after_ms` how long until a request of the same cost can pass (0 when it passed).
    """

    limit: int
    remaining: int
    reset_ms: int
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request passed all of a bucket's rules, and where each stands, in the rules' order.

    There are no states where there are no rules, or nothing could be counted (`UNCOUNTED`). `at_ms` is when it was
    decided, by the limiter's own clock: it means something only to that limiter.
    """

    passed: bool
    states: tuple[State, ...]
    at_ms: int = 0

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until a request of the same cost can pass; at least 1."""
        longest = max((state.retry_after_ms for state in self.states), default=0)
        return max(1, -(-longest // 1000))


UNCOUNTED = Decision(passed=True, states=())
"""A request that passed and was not counted: nothing is known of its limit, and nothing can be given back."""


class Limiter(Protocol):
    """Counts requests or events by bucket; whether one passes is decided and counted at once.

    A bucket is named by whatever is limited (a key, a project, a company and endpoint). A request passes all of its
    bucket's rules or counts for none. Other rules for the same bucket are counted from nothing.
    """

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        """Count `cost` if all rules allow it. A cost of 0 always passes, changes nothing, and shows the states.

        A cost larger than a rule's limit never passes; what it is told to wait is how long that rule takes to fill.
        Raises `Retry` when the counters cannot be reached.
        """

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int, taken: Decision) -> None:
        """Undo a `take` that passed and gave this decision, for a request that was not accepted after all.

        A window that has ended since then is left alone. Raises `Retry` when the counters cannot be reached.
        """
