"""What a body needs to be accepted and no schema can say: times of today, known codes, a known user, one event."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
from tests.unit.gateway.documented import DOCUMENT

from sluice.contract.iso8601 import PATTERN

KNOWN_USER = "schemathesis@example.com"
"""Who must exist before events of API 5 are sent."""

TIMES = ("timestamp", "time")
CODES = {"country": "DE", "value_currency": "EUR"}

_user_body = jsonschema_rs.Draft202012Validator(
    DOCUMENT["paths"]["/user/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    | {"components": DOCUMENT["components"]}
)


def fitting(body: Any) -> Any:
    """Give a body that is wrong only in what its schema can say: values keep their types."""
    return _of_known_user(_as_of_today(body))


def with_one_event(body: Any) -> Any:
    """Give a valid body of API 5 that holds exactly one standard event; others stay as they are."""
    if not (isinstance(body, dict) and isinstance(body.get("event"), dict)):
        return body
    known = DOCUMENT["components"]["schemas"]["user_event.StandardEvent"]["properties"]
    kind = next((name for name in known if body["event"].get(name) is not None), "update")
    members = body["event"].get(kind) or {}
    return body | {"event": {kind: members | ({"orderId": "A-7"} if kind == "confirmation" else {})}}


def _as_of_today(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {member: _as_of_today(inner, member) for member, inner in value.items()}
        case list():
            return [_as_of_today(element) for element in value]
        case str() if name in TIMES:
            return _today(value) if re.fullmatch(PATTERN, value) else value
        case str():
            return CODES.get(name, value)
        case int() | float() if name in TIMES and not isinstance(value, bool):
            return int(time.time() * 1000)
        case _:
            return value


def _today(time_of_day: str) -> str:
    """Give a time that keeps its form: the time of day, however it is written, and the offset."""
    return f"{datetime.now(UTC):%Y-%m-%d}{time_of_day[10:]}"


def _of_known_user(body: Any) -> Any:
    if not (isinstance(body, dict) and _user_body.is_valid({"user": body.get("user")})):
        return body
    others = {name: value for name, value in body["user"].items() if name != "_id"}
    return body | {"user": others | {"email": KNOWN_USER}}
