"""What API 3 allows, written from its document alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fuzz.oracles import times
from tests.fuzz.oracles.strict_json import ABSENT, Unclear, present, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.users.port import Identifier, Known

REQUIRED = ("eventName", "anonymousId", "sessionId")
OPTIONAL = ("userId", "pageUrl", "pageTitle", "referrer", "utmSource", "utmMedium", "utmCampaign", "browser", "os")
LONGEST = 2048


def allows(endpoint: str, body: Any, now_ms: int, known: Mapping[Identifier, Known]) -> bool:
    """Tell whether a body that is strict JSON must be accepted."""
    del endpoint, known
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        return False
    return 1 <= len(body["events"]) <= 1000 and all(_event(event, now_ms) for event in body["events"])


def _event(event: Any, now_ms: int) -> bool:
    return (
        isinstance(event, dict)
        and all(text(event.get(name), 1, LONGEST) for name in REQUIRED)
        and isinstance(event.get("consentGiven"), bool)
        and all(present(event, name) is ABSENT or text(event[name], 0, LONGEST) for name in OPTIONAL)
        and present(event, "deviceType") in (ABSENT, "desktop", "mobile", "tablet")
        and _properties(present(event, "properties"))
        and _timestamp(event.get("timestamp"), now_ms)
    )


def _timestamp(value: Any, now_ms: int) -> bool:
    return isinstance(value, str) and value.upper().endswith(("Z", "+00:00")) and times.iso(value, now_ms)


def _properties(value: Any) -> bool:
    if value is ABSENT:
        return True
    if not isinstance(value, dict) or not all(isinstance(member, str) for member in value.values()):
        return False
    if any(len(member) > LONGEST for member in value.values()):
        raise Unclear
    return True


def events_of(endpoint: str, body: Any) -> list[Any]:
    """Give the events that an allowed body holds."""
    del endpoint
    return list(body["events"])
