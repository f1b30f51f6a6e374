"""What API 4 allows, written from its document alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fuzz.oracles import times
from tests.fuzz.oracles.strict_json import ABSENT, Unclear, is_number, present, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.users.port import Identifier, Known

NAMES = ("external_id", "anonymous_id", "_kx")
TEXTS = ("first_name", "last_name", "organization", "title", "image")
PLACES = ("address1", "address2", "city", "country", "region", "zip", "timezone", "ip")
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF")
PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
PERHAPS_PHONE = re.compile(r"\s*\+?[\d\s()-]*\s*")
LONGEST = 256


def allows(endpoint: str, body: Any, now_ms: int, known: Mapping[Identifier, Known]) -> bool:
    """Tell whether a body that is strict JSON must be accepted."""
    del known
    data = body.get("data") if isinstance(body, dict) else None
    if endpoint == "client":
        return _bulk(data, now_ms)
    jobs = _member(_attributes(data, "event-bulk-create-job"), "events-bulk-create", "data")
    if not isinstance(jobs, list) or not jobs:
        return False
    return all(_bulk(job, now_ms) for job in jobs) and sum(_count(job) for job in jobs) <= 1000


def _count(bulk: dict[str, Any]) -> int:
    return len(bulk["attributes"]["events"]["data"])


def _bulk(data: Any, now_ms: int) -> bool:
    attributes = _attributes(data, "event-bulk-create")
    events = _member(attributes, "events", "data")
    if not isinstance(events, list) or not 1 <= len(events) <= 1000:
        return False
    # Every part is looked at before an unclear one excuses the rest.
    unclear = False
    for part in (lambda: _profile(_member(attributes, "profile", "data")), *_each(events, now_ms)):
        try:
            if not part():
                return False
        except Unclear:
            unclear = True
    if unclear:
        raise Unclear
    return True


def _each(events: list[Any], now_ms: int) -> list[Any]:
    return [lambda event=event: _event(_attributes(event, "event"), now_ms) for event in events]


def _attributes(data: Any, kind: str) -> Any:
    if not isinstance(data, dict) or data.get("type") != kind:
        return None
    return data.get("attributes")


def _member(container: Any, *names: str) -> Any:
    for name in names:
        if not isinstance(container, dict):
            return None
        container = container.get(name)
    return container


def _profile(data: Any) -> bool:
    attributes = _attributes(data, "profile")
    if (
        attributes is None
        and isinstance(data, dict)
        and data.get("type") == "profile"
        and present(data, "id") is not ABSENT
    ):
        raise Unclear
    if not isinstance(attributes, dict):
        return False
    phone, email = present(attributes, "phone_number"), present(attributes, "email")
    named = [
        value for value in (present(data, "id"), *(present(attributes, n) for n in NAMES)) if value is not ABSENT
    ]
    if phone is not ABSENT and not _phone(phone):
        return False
    if any(not isinstance(value, str) for value in (*named, email) if value is not ABSENT):
        return False
    if not named and phone is ABSENT and email is ABSENT:
        return False
    if any(not text(value, 1, LONGEST) or value != value.strip() or not value.isprintable() for value in named):
        raise Unclear
    if email is not ABSENT and not (text(email, 3, LONGEST) and re.fullmatch(r"\s*[^@\s]+@[^@\s]+\s*", email)):
        raise Unclear
    return _unclear_unless_plain(data, attributes)


def _phone(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if PHONE.fullmatch(value):
        return True
    if value == "" or (value.startswith("+") and PERHAPS_PHONE.fullmatch(value)):
        raise Unclear
    return False


def _unclear_unless_plain(data: dict[str, Any], attributes: dict[str, Any]) -> bool:
    location, properties = present(attributes, "location"), present(attributes, "properties")
    unset = _member(data, "meta", "patch_properties", "unset")
    plain = (
        all(present(attributes, name) is ABSENT or text(attributes[name]) for name in TEXTS)
        and (location is ABSENT or (isinstance(location, dict) and _location(location)))
        and (properties is ABSENT or isinstance(properties, dict))
        and _member(data, "meta") in (None, {}, {"patch_properties": {"unset": unset}})
        and (unset is None or isinstance(unset, str) or _strings(unset))
    )
    if not plain:
        raise Unclear
    return True


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) and member for member in value)


def _location(location: dict[str, Any]) -> bool:
    return all(present(location, name) is ABSENT or text(location[name]) for name in PLACES) and all(
        present(location, name) is ABSENT or re.fullmatch(r"-?\d{1,2}(\.\d+)?", str(location[name]))
        for name in ("latitude", "longitude")
    )


def _event(attributes: Any, now_ms: int) -> bool:
    if not isinstance(attributes, dict):
        return False
    metric = _attributes(_member(attributes, "metric", "data"), "metric")
    value, properties = present(attributes, "value"), present(attributes, "properties")
    clear = (
        isinstance(metric, dict)
        and text(metric.get("name"), 1, 128)
        and (value is ABSENT or is_number(value))
        and (properties is ABSENT or isinstance(properties, dict))
        and _currency(present(attributes, "value_currency"))
        and (present(attributes, "time") is ABSENT or times.iso(attributes["time"], now_ms))
    )
    if not clear:
        return False
    service, unique_id = present(metric, "service"), present(attributes, "unique_id")
    if not metric["name"].strip() or not (service is ABSENT or text(service, 1, 128)):
        raise Unclear
    if not (unique_id is ABSENT or text(unique_id, 1, LONGEST)):
        raise Unclear
    return True


def _currency(value: Any) -> bool:
    if value is ABSENT or value in CURRENCIES:
        return True
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z]{3}", value):
        raise Unclear
    return False


def events_of(endpoint: str, body: Any) -> list[Any]:
    """Give the events that an allowed body holds."""
    data = body["data"]
    bulks = [data] if endpoint == "client" else data["attributes"]["events-bulk-create"]["data"]
    return [event for bulk in bulks for event in bulk["attributes"]["events"]["data"]]
