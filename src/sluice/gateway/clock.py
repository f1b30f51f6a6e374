"""Time and identifiers: what the gateway takes from its surroundings, as parameters to everything that needs them."""

from __future__ import annotations

import time
from collections.abc import Callable

import uuid_utils

Clock = Callable[[], int]
"""Gives the time in milliseconds, since 1970 in UTC unless something else is said."""

NewId = Callable[[], str]
"""Gives a new UUID of version 7 as text."""


def system_clock() -> int:
    """Give the machine's time in milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


def monotonic_clock() -> int:
    """Give milliseconds since some moment; it runs on evenly when the machine's time is set."""
    return time.monotonic_ns() // 1_000_000


def uuid7() -> str:
    """Give a new UUID of version 7: those made later sort later."""
    return str(uuid_utils.uuid7())
