"""The shapes of API 3's bodies, and every problem of an event in words."""
# ruff: noqa: N815 - members are named as they are sent

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from sluice.contract.event_time import is_plausible
from sluice.contract.iso8601 import UTC_PATTERN, is_utc, milliseconds
from sluice.gateway import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_EVENTS = 1000
MAX_LENGTH = 2048
MAX_DETAILS = 100
"""How many problems of a request are told one by one."""


def _utc(sent: str, info: ValidationInfo[int]) -> str:
    at_ms = milliseconds(sent) if is_utc(sent) else None
    if at_ms is None:
        raise ValueError("not a moment in UTC")
    if not is_plausible(at_ms, info.context):
        raise PydanticCustomError("implausible", "not a time of an event")
    return sent


Name = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
Text = Annotated[str, Field(max_length=MAX_LENGTH)] | None
Utc = Annotated[str, AfterValidator(_utc), Field(json_schema_extra={"pattern": UTC_PATTERN})]


class IngestEvent(BaseModel):
    """An event that has been checked. Its field order is the order in which problems are reported."""

    model_config = ConfigDict(frozen=True, strict=True, from_attributes=True)

    eventName: Name = Field(description="Name of the event")
    timestamp: Utc = Field(description="ISO 8601 UTC timestamp")
    anonymousId: Name = Field(description="Anonymous device/session identifier")
    sessionId: Name = Field(description="Session identifier")
    consentGiven: bool = Field(description="Whether the user has given consent for tracking")
    userId: Text = Field(None, description="Identified user ID. Null for anonymous events")
    properties: dict[str, str] | None = Field(None, description="Custom key-value pairs")
    pageUrl: Text = Field(None, description="Full URL of the page")
    pageTitle: Text = Field(None, description="Title of the page")
    referrer: Text = Field(None, description="Referrer URL")
    utmSource: Text = Field(None, description="UTM source parameter")
    utmMedium: Text = Field(None, description="UTM medium parameter")
    utmCampaign: Text = Field(None, description="UTM campaign parameter")
    deviceType: Literal["desktop", "mobile", "tablet"] | None = Field(None, description="Device type")
    browser: Text = Field(None, description="Browser name")
    os: Text = Field(None, description="Operating system")


class IngestBatch(BaseModel):
    """Events that are taken all together or not at all."""

    events: Annotated[list[IngestEvent], Field(min_length=1, max_length=MAX_EVENTS)]


class Accepted(BaseModel):
    """The answer to a request whose events were all accepted."""

    accepted: Annotated[int, Field(ge=1, le=MAX_EVENTS)]


class Refused(BaseModel):
    """Every other answer; `details` are the problems of a body."""

    error: str
    details: list[str] | None = None


class SentEvent(msgspec.Struct, frozen=True):
    """An event before it is checked: the known fields, the others skipped."""

    eventName: str | None = None
    timestamp: str | None = None
    anonymousId: str | None = None
    sessionId: str | None = None
    consentGiven: bool | None = None
    userId: str | None = None
    properties: dict[str, str] | None = None
    pageUrl: str | None = None
    pageTitle: str | None = None
    referrer: str | None = None
    utmSource: str | None = None
    utmMedium: str | None = None
    utmCampaign: str | None = None
    deviceType: str | None = None
    browser: str | None = None
    os: str | None = None


FIELDS = tuple(IngestEvent.model_fields)
REQUIRED = tuple(name for name, field in IngestEvent.model_fields.items() if field.is_required())

_sent_event = msgspec.json.Decoder(SentEvent)
_strings = msgspec.json.Decoder(dict[str, str] | None)
_sent_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ingest_event = TypeAdapter(IngestEvent).validator

# By pydantic's type of error; `None` stands for a field's any other problem.
_OF_STRINGS: dict[str | None, str] = {"string_too_long": "is too long", None: "must be a string"}
_REASONS: dict[str, dict[str | None, str]] = dict.fromkeys(FIELDS, _OF_STRINGS) | {
    "timestamp": {
        "implausible": "must be between 1990 and a year ahead",
        None: "must be an ISO 8601 UTC timestamp",
    },
    "consentGiven": {None: "must be a boolean"},
    "properties": {None: "must be an object of strings"},
    "deviceType": {None: "must be one of desktop, mobile, tablet"},
}


# What counts as missing where a field is required.
_MISSING: dict[str, tuple[object, ...]] = dict.fromkeys(REQUIRED, (None, "")) | {"consentGiven": (None,)}


def check(event: bytes, now_ms: int) -> IngestEvent:
    """Validate one event, given as valid JSON.

    Raises pydantic's `ValidationError` with all problems.
    """
    checked: IngestEvent = _ingest_event.validate_python(_sent(event), context=now_ms)
    return checked


def _sent(event: bytes) -> SentEvent | None:
    """Take an event apart; None where it is no object."""
    try:
        return _sent_event.decode(event)
    except msgspec.ValidationError:
        pass  # no object, or one with a wrong member
    try:
        members = _sent_members.decode(event)
    except msgspec.ValidationError:
        return None
    return SentEvent(**{name: _value_of(name, members[name]) for name in FIELDS if name in members})


def _value_of(name: str, sent: msgspec.Raw) -> Any:
    if name == "properties":
        with suppress(msgspec.ValidationError):
            return _strings.decode(sent)
    return json_text.scalar_of(sent)


def details_of(events: Sequence[bytes], now_ms: int) -> list[str]:
    """Give all problems in words, in the order of events and fields, and of very many the first ones."""
    problems = _problems(events, now_ms)
    details = list(islice(problems, MAX_DETAILS))
    more = sum(1 for _ in problems)
    return [*details, f"... and {more} more"] if more else details


def _problems(events: Sequence[bytes], now_ms: int) -> Iterator[str]:
    for index, event in enumerate(events):
        try:
            check(event, now_ms)
        except ValidationError as error:
            for words in _words(error):
                yield f"Event {index}: {words}"


def _words(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        if not problem["loc"]:
            yield "must be an object"
            continue
        name = str(problem["loc"][0])
        if problem["input"] in _MISSING.get(name, ()):
            yield f"{name} is required"
        else:
            reasons = _REASONS[name]
            yield f"{name} {reasons.get(problem['type'], reasons[None])}"
