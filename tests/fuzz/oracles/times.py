"""When an event happened: what the documents allow as its time."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from tests.fuzz.oracles.strict_json import Unclear, is_number

DAY_MS = 24 * 60 * 60 * 1000
FROM_1990 = 631_152_000_000
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def milliseconds(value: Any, now_ms: int) -> bool:
    """Tell a number of milliseconds between 1990 and a year ahead."""
    return is_number(value) and _in_range(value, now_ms)


def iso(value: Any, now_ms: int) -> bool:
    """Tell a time of ISO 8601 between 1990 and a year ahead."""
    if not isinstance(value, str) or not re.match(r"\s*\d{4}", value, re.ASCII):
        return False
    if not ISO.fullmatch(value) or value[17:19] == "60":
        raise Unclear  # ISO 8601 has many more forms
    seconds, offset = value[:19], "+00:00" if value.endswith("Z") else value[-6:]
    try:
        moment = datetime.fromisoformat(seconds + offset)
    except ValueError:
        if value[11:13] == "24" or offset[1:] > "14:00":
            raise Unclear from None
        return False
    return _in_range(moment.timestamp() * 1000, now_ms)


def _in_range(ms: float, now_ms: int) -> bool:
    if now_ms + 365 * DAY_MS - 1000 < ms <= now_ms + 366 * DAY_MS + 1000:
        raise Unclear  # how long a year is, and what becomes of fractions
    if FROM_1990 - 1000 < ms < FROM_1990 + 1000 and ms != FROM_1990:
        raise Unclear
    return FROM_1990 <= ms <= now_ms + 365 * DAY_MS
