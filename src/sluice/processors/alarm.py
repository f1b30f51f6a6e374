"""Telling a broken rule from a broken event: by how many of a minute's events make rules raise.

A broken event costs itself: it is rejected. A broken rule would cost a day of good events; so where too many fail,
their partition pauses before they are decided, until better rules come.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 60


class Counted(NamedTuple):
    """How many events were decided, and how many of them made a rule raise."""

    decided: int
    raised: int

    def plus(self, other: Counted) -> Counted:
        """Give both together."""
        return Counted(self.decided + other.decided, self.raised + other.raised)


@dataclass(frozen=True)
class Bound:
    """Too many are more than `percent` of a minute's events, if they are `events` at least; 100 percent never are."""

    percent: float = 5.0
    events: int = 20

    def is_exceeded_by(self, minute: Counted) -> bool:
        """Tell whether too many of a minute's events made a rule raise."""
        return minute.raised >= self.events and 100 * minute.raised > self.percent * minute.decided


class Alarm:
    """Watches one partition.

    `clock` gives seconds that never go back. The minute is counted to the second, and stands still while the alarm
    rings: nothing is decided then, so nothing is learnt, and time alone mends no rule.
    """

    def __init__(self, bound: Bound, clock: Callable[[], float]) -> None:
        self._bound = bound
        self._clock = clock
        self._seconds: deque[tuple[int, Counted]] = deque()
        self._rang_at: float | None = None
        self._stood_still_s = 0.0

    def rings(self, batch: Counted) -> Counted | None:
        """Judge a batch that is to be committed, as often as that is tried.

        Gives the minute's counts, the batch among them, where too many have failed; None where the batch may pass,
        as one on which no rule fails always does.
        """
        now = self._now()
        while self._seconds and self._seconds[0][0] <= now - WINDOW_S:
            self._seconds.popleft()
        minute = batch
        for _, counted in self._seconds:
            minute = minute.plus(counted)
        if batch.raised and self._bound.is_exceeded_by(minute):
            if self._rang_at is None:
                self._rang_at = self._clock()
            return minute
        if self._rang_at is not None:
            self._stood_still_s += self._clock() - self._rang_at
            self._rang_at = None
        return None

    def count(self, batch: Counted) -> None:
        """Take note of a batch that was committed."""
        second = int(self._now())
        if self._seconds and self._seconds[-1][0] == second:
            batch = batch.plus(self._seconds.pop()[1])
        self._seconds.append((second, batch))

    def _now(self) -> float:
        return (self._clock() if self._rang_at is None else self._rang_at) - self._stood_still_s
