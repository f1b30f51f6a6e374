"""When an event says that it happened: milliseconds since 1970 or ISO 8601, and between 1990 and a year ahead."""

from __future__ import annotations

from typing import Any

from sluice.contract.durations import DAY_MS
from sluice.contract.iso8601 import milliseconds

EARLIEST_MS = 631_152_000_000
"""The start of 1990 in UTC."""

YEAR_MS = 365 * DAY_MS


def event_time(sent: Any) -> int | None:
    """Give the time of a JSON value, in whole milliseconds since 1970 in UTC; None where it is no time.

    A number is in milliseconds, a string is read by `sluice.contract.iso8601`. Nothing is said about its range.
    """
    if isinstance(sent, str):
        return milliseconds(sent)
    if isinstance(sent, bool) or not isinstance(sent, int | float):
        return None
    try:
        return int(sent)
    except (OverflowError, ValueError):  # infinite, where no double can hold the number
        return None


def is_plausible(at_ms: int, now_ms: int) -> bool:
    """Tell whether an event may be of this time: from 1990 on, and at most a year (365 days) ahead."""
    return EARLIEST_MS <= at_ms <= now_ms + YEAR_MS
