"""Time, as a parameter to everything that needs it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives the time in milliseconds, since 1970 in UTC unless something else is said."""


def system_clock() -> int:
    """Give the machine's time in milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


def monotonic_clock() -> int:
    """Give milliseconds since some moment; it runs on evenly when the machine's time is set."""
    return time.monotonic_ns() // 1_000_000
