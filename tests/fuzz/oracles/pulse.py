"""What API 1 allows, written from its document alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fuzz.oracles.strict_json import ABSENT, is_number, present, text

from sluice.gateway.iso3166 import is_country

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.users.port import Identifier, Known

DAY_MS = 24 * 60 * 60 * 1000
NAME = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)


def allows(endpoint: str, body: Any, now_ms: int, known: Mapping[Identifier, Known]) -> bool:
    """Tell whether a body that is strict JSON must be accepted."""
    del known
    if endpoint == "collect":
        return _event(body, now_ms)
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        return False
    events = body["events"]
    return 1 <= len(events) <= 1000 and all(_event(event, now_ms) for event in events)


def _event(event: Any, now_ms: int) -> bool:
    if not isinstance(event, dict):
        return False
    timestamp = present(event, "timestamp")
    return (
        _name(event.get("site_id"))
        and _name(event.get("event_type"))
        and text(event.get("session_id"), 1, 64)
        and is_number(timestamp)
        and now_ms - 30 * DAY_MS <= timestamp <= now_ms + 5 * 60 * 1000
        and _absent_or(event, "user_id", lambda value: text(value, 0, 64))
        and _absent_or(event, "url", lambda value: text(value, 0, 2048))
        and _absent_or(event, "referrer", lambda value: text(value, 0, 2048))
        and _absent_or(event, "country", lambda value: text(value, 2, 2) and is_country(value))
        and _absent_or(event, "device_type", lambda value: value in ("desktop", "mobile", "tablet"))
    )


def _name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _absent_or(event: dict[str, Any], name: str, check: Any) -> bool:
    value = present(event, name)
    return value is ABSENT or check(value)


def events_of(endpoint: str, body: Any) -> list[Any]:
    """Give the events that an allowed body holds."""
    return [body] if endpoint == "collect" else list(body["events"])
