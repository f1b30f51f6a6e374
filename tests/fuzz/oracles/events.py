"""What API 2 allows, written from its document alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.fuzz.oracles import times
from tests.fuzz.oracles.strict_json import ABSENT, Unclear, present, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.users.port import Identifier, Known

COMMON = "page_view click form_submit user_signup user_login user_logout purchase add_to_cart remove_from_cart error"
STANDARD = (
    "update login generic confirmation email_open page_view product_view category_view add_to_cart remove_from_cart "
    "cart_view checkout search wishlist logout email_click"
)
TYPES = {*COMMON.split(), "custom", *STANDARD.split()}
ALIASES = ("type", "eventType", "event_type")


def allows(endpoint: str, body: Any, now_ms: int, known: Mapping[Identifier, Known]) -> bool:
    """Tell whether a body that is strict JSON must be accepted."""
    del endpoint, known
    if not isinstance(body, dict) or not isinstance(body.get("messageBody"), list):
        return False
    events, header = body["messageBody"], present(body, "messageheader")
    if not 1 <= len(events) <= 1000 or not (header is ABSENT or isinstance(header, dict)):
        return False
    allowed = all(_event(event, now_ms) for event in events)
    if header is not ABSENT and len(json.dumps(header)) * len(events) > 5 * 1024 * 1024:
        raise Unclear  # it is kept with every event
    return allowed


def _event(event: Any, now_ms: int) -> bool:
    if not isinstance(event, dict):
        return False
    given = [event[name] for name in ALIASES if present(event, name) is not ABSENT]
    if len(given) > 1 and len({json.dumps(value) for value in given}) > 1:
        raise Unclear
    if not given or not text(given[0], 1, 64) or given[0] not in TYPES:
        return False
    timestamp = present(event, "timestamp")
    return timestamp is ABSENT or times.milliseconds(timestamp, now_ms) or times.iso(timestamp, now_ms)


def events_of(endpoint: str, body: Any) -> list[Any]:
    """Give the events that an allowed body holds."""
    del endpoint
    return list(body["messageBody"])
