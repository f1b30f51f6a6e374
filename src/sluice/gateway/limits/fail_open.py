"""Letting requests pass while their counters are away: a limit protects the pipeline, and must not be its outage."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sluice.contract.durations import MINUTE_MS
from sluice.contract.errors import Retry
from sluice.gateway.limits.port import UNCOUNTED, Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule
    from sluice.gateway.limits.port import Limiter
    from sluice.role.clock import Clock

log = logging.getLogger(__name__)

PAUSE_MS = 1000
SAY_EVERY_MS = MINUTE_MS


class FailOpen:
    """A `sluice.gateway.limits.port.Limiter` that never raises `Retry`: what cannot be counted passes uncounted.

    After a failure the limiter behind it is left alone for a second; then one request asks it, while the others go
    on passing until that one has an answer. So counters that hang cost one request a second some time, not all.
    The clock must never go back.

    `failures` is how many requests passed uncounted since the start. The log says so at most once a minute.
    """

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock
        self._ask_again_at_ms: int | None = None
        self._say_again_at_ms: int | None = None
        self._said = False
        self._unsaid = 0
        self._why = ""
        self.failures = 0

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        """Count `cost` if all rules allow it; let it pass where that cannot be known."""
        if not self._may_ask():
            return self._pass_uncounted(cost)
        try:
            decision = await self._limiter.take(bucket, rules, cost)
        except Retry as error:
            self._failed(error)
            return self._pass_uncounted(cost)
        self._answered()
        return decision

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int, taken: Decision) -> None:
        """Undo a `take`, if it counted and can be undone; else the limit is a little lower until time mends it."""
        if not taken.states or not self._may_ask():
            return
        try:
            await self._limiter.give_back(bucket, rules, cost, taken)
        except Retry as error:
            self._failed(error)
        else:
            self._answered()

    def _may_ask(self) -> bool:
        if self._ask_again_at_ms is None:
            return True
        now_ms = self._clock()
        if now_ms < self._ask_again_at_ms:
            return False
        self._ask_again_at_ms = now_ms + PAUSE_MS  # this one asks; the next may after another pause
        return True

    def _failed(self, error: Retry) -> None:
        self._why = str(error)
        self._ask_again_at_ms = self._clock() + PAUSE_MS

    def _answered(self) -> None:
        self._ask_again_at_ms = None
        if self._said:
            self._said = False
            log.info("limits are held again; further requests that had passed uncounted: %d", self._unsaid)
            self._unsaid = 0

    def _pass_uncounted(self, cost: int) -> Decision:
        if not cost:  # who only looks has nothing that could be counted
            return UNCOUNTED
        self.failures += 1
        self._unsaid += 1
        now_ms = self._clock()
        if self._say_again_at_ms is None or now_ms >= self._say_again_at_ms:
            self._say_again_at_ms = now_ms + SAY_EVERY_MS
            self._said = True
            log.warning("limits are not held: %s; requests that passed uncounted: %d", self._why, self._unsaid)
            self._unsaid = 0
        return UNCOUNTED
