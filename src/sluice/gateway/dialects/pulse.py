"""API 1, `pulse`: POST /collect and POST /collect/batch.

Source: the "Event Ingestion API" document; docs/apis/pulse.md maps each of its sentences to a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sluice.contract.durations import DAY_MS, MINUTE_MS
from sluice.contract.errors import Invalid
from sluice.contract.event import Api
from sluice.contract.ndjson import form_on_one_line
from sluice.contract.projects import TokenBucket
from sluice.gateway import json_text
from sluice.gateway.dialects.credentials import bearer_or_query_key, valid
from sluice.gateway.dialects.event_list import EventList
from sluice.gateway.dialects.port import JSON, Endpoint, Head, Headers, Metering, Problem, Reading, Received, Reply
from sluice.gateway.dialects.state_keys import StateKeys
from sluice.gateway.iso3166 import is_country
from sluice.gateway.keys import permit

if TYPE_CHECKING:
    from sluice.gateway.keys import Key, KeyRing
    from sluice.gateway.limits.port import Decision

API = Api.PULSE
# "10,000 events per minute; burst: up to 100,000 events per minute (for 10 seconds)".
LIMIT = TokenBucket(capacity=15_000, refill=10_000, per_s=60)
MAX_EVENTS = 1000
OLDEST_MS = 30 * DAY_MS
AHEAD_MS = 5 * MINUTE_MS


def _country(code: str) -> str:
    if not is_country(code):
        raise ValueError("not a country")
    return code


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")]
Url = Annotated[str, Field(max_length=2048)]


class PulseEvent(BaseModel):
    """An event that has been checked. Its field order is the order in which problems are reported."""

    model_config = ConfigDict(frozen=True, strict=True, from_attributes=True)

    site_id: Name = Field(description="Site identifier")
    event_type: Name = Field(description="Event type (page_view, click, etc.)")
    timestamp: int | float = Field(description="Unix timestamp in milliseconds")
    session_id: Annotated[str, Field(min_length=1, max_length=64)] = Field(description="Session identifier")
    user_id: Annotated[str, Field(max_length=64)] | None = Field(None, description="User identifier")
    url: Url | None = Field(None, description="Page or resource URL")
    referrer: Url | None = Field(None, description="Referrer URL")
    country: Annotated[str, AfterValidator(_country)] | None = Field(None, description="ISO 3166-1 country code")
    device_type: Literal["desktop", "mobile", "tablet"] | None = Field(None, description="desktop, mobile, tablet")


class PulseBatch(BaseModel):
    """Events that are taken all together or not at all."""

    events: Annotated[list[PulseEvent], Field(min_length=1, max_length=MAX_EVENTS)]


class Accepted(BaseModel):
    """The answer to one event: the time is in milliseconds."""

    success: Literal[True]
    timestamp: int


class AcceptedBatch(Accepted):
    """The answer to a batch."""

    accepted: Annotated[int, Field(ge=1, le=MAX_EVENTS)]


class Refused(BaseModel):
    """Every other answer."""

    success: Literal[False]
    error: str
    timestamp: int


ERROR = Refused
CONTENT_TYPE = JSON

_EXAMPLE = {
    "site_id": "site_abc123",
    "event_type": "page_view",
    "timestamp": 1703001234567,
    "session_id": "session_xyz789",
    "url": "https://example.com/products",
    "device_type": "desktop",
}
COLLECT = Endpoint("collect", ("/collect",), "Collect an event", PulseEvent, _EXAMPLE, 202, Accepted)
BATCH = Endpoint(
    "batch", ("/collect/batch",), "Collect events", PulseBatch, {"events": [_EXAMPLE]}, 202, AcceptedBatch
)
ENDPOINTS: tuple[Endpoint, ...] = (COLLECT, BATCH)


EVENTS = EventList(
    "events",
    MAX_EVENTS,
    no_object="Body must be a JSON object",
    missing="Missing required field: events",
    wrong=f"Invalid field: events must be an array of 1 to {MAX_EVENTS} events",
)


class SentEvent(msgspec.Struct, frozen=True):
    """An event before it is checked: the nine known fields, the others skipped."""

    site_id: str | None = None
    event_type: str | None = None
    timestamp: int | float | None = None
    session_id: str | None = None
    user_id: str | None = None
    url: str | None = None
    referrer: str | None = None
    country: str | None = None
    device_type: str | None = None


_sent_event = msgspec.json.Decoder(SentEvent)
_pulse_event = TypeAdapter(PulseEvent).validator

FIELDS = tuple(PulseEvent.model_fields)
REQUIRED = tuple(name for name, field in PulseEvent.model_fields.items() if field.is_required())

# By pydantic's type of error; `None` stands for a field's any other problem.
_REASONS: dict[str, dict[str | None, str]] = {
    "site_id": {"string_type": "must be a string", None: "must be 1 to 64 letters, digits or underscores"},
    "event_type": {"string_type": "must be a string", None: "must be 1 to 64 letters, digits or underscores"},
    "timestamp": {None: "must be a number of milliseconds"},
    "session_id": {
        "string_type": "must be a string",
        "string_too_short": "must not be empty",
        None: "must be at most 64 characters",
    },
    "user_id": {"string_type": "must be a string", None: "must be at most 64 characters"},
    "url": {"string_type": "must be a string", None: "must be at most 2048 characters"},
    "referrer": {"string_type": "must be a string", None: "must be at most 2048 characters"},
    "country": {"string_type": "must be a string", None: "must be an ISO 3166-1 alpha-2 country code"},
    "device_type": {None: "must be desktop, mobile or tablet"},
}


def authenticate(head: Head, keys: KeyRing) -> Key:
    """Take `Authorization: Bearer` with a secret or public key, else `?api_key=` with a public one."""
    return valid(bearer_or_query_key(head, keys), head, "Invalid API key")


def authorize(head: Head, key: Key) -> None:
    """Take either kind of key."""
    permit(key, origin=head.headers.get("Origin"))


def metering(head: Head, key: Key) -> Metering:
    """Count events, by key, over both endpoints."""
    del head
    return Metering(f"{API}/{key.id}", key.rules(API, LIMIT))


def read(head: Head, key: Key, body: bytes) -> Reading:
    """Read one event, or a batch in which all are valid."""
    single = head.endpoint is COLLECT
    sent = [_event_of(body)] if single else EVENTS.read(body)
    prefix = "" if single else "Event {}: "
    state_keys = StateKeys(API, key.project, key.project_entry, head.idempotency_key)
    on_one_line = form_on_one_line(body)
    events = []
    for index, event in enumerate(sent):
        text = bytes(event)
        try:
            checked = check(text, head.received_at)
        except Invalid as problem:
            raise Invalid(f"{prefix.format(index)}{problem}") from None
        routing_key = state_keys.of(checked.event_type, checked.user_id, text)
        events.append(Received(on_one_line(text), routing_key))
    return Reading(head.endpoint, cost=len(events), events=events)


def _event_of(body: bytes) -> bytes:
    json_text.refuse_bad_utf8(body)
    json_text.refuse_bad_syntax(body)
    json_text.refuse_deep(body)
    return body.strip()


def check(event: bytes, now_ms: int) -> PulseEvent:
    """Validate one event, given as valid JSON.

    Raises `Invalid` with the first problem: a missing field in the order of the document, else a wrong value.
    """
    try:
        checked: PulseEvent = _pulse_event.validate_python(_sent(event))
    except ValidationError:
        raise Invalid(_first_problem(event, now_ms)) from None
    if _wrong_time(checked.timestamp, now_ms):
        raise Invalid(_first_problem(event, now_ms))
    return checked


def _sent(event: bytes) -> SentEvent | None:
    """Take an event apart; None where it is no object."""
    try:
        return _sent_event.decode(event)
    except msgspec.ValidationError:
        scalars = json_text.scalars_of(event, FIELDS)  # no object, or one with a wrong member
    return None if scalars is None else SentEvent(**scalars)


def _wrong_time(timestamp: float, now_ms: int) -> str | None:
    if timestamp < now_ms - OLDEST_MS:
        return "must be within the last 30 days"
    if timestamp > now_ms + AHEAD_MS:
        return "must be at most 5 minutes ahead"
    return None


def _first_problem(event: bytes, now_ms: int) -> str:
    sent = json_text.scalars_of(event, FIELDS)
    if sent is None:
        return "Event must be a JSON object"
    for name in REQUIRED:
        if sent.get(name) is None:
            return f"Missing required field: {name}"
    reasons = _reasons(sent)
    if "timestamp" not in reasons and (wrong := _wrong_time(sent["timestamp"], now_ms)):
        reasons["timestamp"] = wrong
    first = min(reasons, key=FIELDS.index)
    return f"Invalid field: {first} {reasons[first]}"


def _reasons(sent: dict[str, Any]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    try:
        _pulse_event.validate_python(sent)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            words = _REASONS[str(problem["loc"][0])]
            reasons.setdefault(str(problem["loc"][0]), words.get(problem["type"], words[None]))
    return reasons


def accept(head: Head, reading: Reading, now_ms: int) -> Reply:
    """202, for a batch with how many events were accepted."""
    del head
    answer: dict[str, Any] = {"success": True, "timestamp": now_ms}
    if reading.endpoint is BATCH:
        answer["accepted"] = len(reading.events)
    return Reply(202, msgspec.json.encode(answer))


def refuse(head: Head, problem: Problem, now_ms: int) -> Reply:
    """Any other status, in the one shape that the document shows."""
    del head
    return Reply(problem.status, msgspec.json.encode({"success": False, "error": problem.words, "timestamp": now_ms}))


def rate_headers(decision: Decision, now_ms: int) -> Headers:
    """`X-RateLimit-Remaining`: how many events would pass now."""
    del now_ms
    return {"X-RateLimit-Remaining": str(min(state.remaining for state in decision.states))}
