"""How long to wait before a role that died is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STAYED_UP_S = 60.0
"""A role that lived this long is well again: its next death is a first one."""


@dataclass(slots=True)
class Backoff:
    """Doubles the delay with each death in a row."""

    _next_delay_s: float = FIRST_DELAY_S

    def after_death(self, lived_s: float) -> float:
        """Give the seconds to wait, for a role that lived so long since it was last started."""
        if lived_s >= STAYED_UP_S:
            self._next_delay_s = FIRST_DELAY_S
        delay_s = self._next_delay_s
        self._next_delay_s = min(delay_s * 2, LONGEST_DELAY_S)
        return delay_s
