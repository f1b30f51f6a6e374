"""What API 5 allows, written from its document alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fuzz.oracles import times
from tests.fuzz.oracles.strict_json import ABSENT, Unclear, present, text

from sluice.gateway.users.port import Identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.users.port import Known

STANDARD = [
    "update",
    "login",
    "generic",
    "confirmation",
    "email_open",
    "page_view",
    "product_view",
    "category_view",
    "add_to_cart",
    "remove_from_cart",
    "cart_view",
    "checkout",
    "search",
    "wishlist",
    "logout",
    "email_click",
]
LONGEST = 256


def allows(endpoint: str, body: Any, now_ms: int, known: Mapping[Identifier, Known]) -> bool:
    """Tell whether a body that is strict JSON must be accepted."""
    if not isinstance(body, dict):
        return False
    if endpoint == "event":
        return _event(body.get("event"), now_ms) and _user(body.get("user"), known, must_exist=True)
    if present(body, "event") is not ABSENT:
        raise Unclear  # an event where users are saved
    return _user(body.get("user"), known, must_exist=False)


def _user(user: Any, known: Mapping[Identifier, Known], *, must_exist: bool) -> bool:
    if not isinstance(user, dict):
        return False
    email, own_id = _name(present(user, "email")), _name(present(user, "_id"))
    if email is ABSENT and own_id is ABSENT:
        return False
    by_email = known.get(Identifier("demo", "email", email.strip().lower())) if email is not ABSENT else None
    by_id = known.get(Identifier("demo", "id", own_id)) if own_id is not ABSENT else None
    if by_email and by_id and by_email.user_id != by_id.user_id:
        return False
    return bool(by_email or by_id) or not must_exist


def _name(value: Any) -> Any:
    """Give an identifier; raise `Unclear` where the document does not say what such a value means."""
    if value is ABSENT:
        return value
    if not text(value, 1, LONGEST) or value != value.strip() or not value.isprintable():
        raise Unclear
    return value


def _event(event: Any, now_ms: int) -> bool:
    if not isinstance(event, dict):
        return False
    if len(event) != 1:
        if sum(value is not None for value in event.values()) == 1:
            raise Unclear
        return False
    ((kind, members),) = event.items()
    if kind not in STANDARD or not isinstance(members, dict):
        return False
    if kind == "generic":
        return _generic(members, now_ms)
    if kind == "confirmation" and not _order(members):
        return False
    if kind == "login":
        _name(present(members, "email"))
    return _timestamp(members, now_ms)


def _generic(members: dict[str, Any], now_ms: int) -> bool:
    inner = present(members, "generic")
    if inner is not ABSENT and len(members) > 1:
        raise Unclear
    if inner is not ABSENT and not isinstance(inner, dict):
        return False
    named = members if inner is ABSENT else inner
    name = present(named, "event_name")
    if not text(name, 1):
        return False
    if len(name) > 64 or not name.strip() or not name.isprintable():
        raise Unclear
    return _timestamp(named, now_ms)


def _order(members: dict[str, Any]) -> bool:
    order = present(members, "orderId")
    if order is ABSENT and ("order_id" in members or "properties" in members):
        raise Unclear
    if isinstance(order, int) and not isinstance(order, bool) and len(str(abs(order))) > 200:
        raise Unclear
    return text(order, 1, LONGEST) or (isinstance(order, int) and not isinstance(order, bool))


def _timestamp(members: dict[str, Any], now_ms: int) -> bool:
    timestamp = present(members, "timestamp")
    return timestamp is ABSENT or times.milliseconds(timestamp, now_ms) or times.iso(timestamp, now_ms)


def events_of(endpoint: str, body: Any) -> list[Any]:
    """Give the events that an allowed body holds: a request is one."""
    del endpoint
    return [body]
