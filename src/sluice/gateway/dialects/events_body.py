"""The shapes of API 2's bodies, and what is checked of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo

from sluice.contract.errors import Invalid
from sluice.contract.event_time import event_time, is_plausible
from sluice.contract.iso8601 import PATTERN
from sluice.gateway import json_text

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

MAX_EVENTS = 1000
WRONG_TYPE = "invalid event type"
WRONG_TIME = "invalid timestamp"


NAMES_OF_TYPE = ("type", "eventType", "event_type")
"""All mean the same; the first that is not null counts."""


class Circumstances(NamedTuple):
    """What it depends on whether an event is valid, beside itself."""

    event_types: str | AbstractSet[str]
    now_ms: int


def _allowed_type(event_type: str, info: ValidationInfo[Circumstances]) -> str:
    allowed = info.context.event_types
    if allowed != "*" and event_type not in allowed:
        raise ValueError("not an event type of this project")
    return event_type


def _time(sent: float | str, info: ValidationInfo[Circumstances]) -> int:
    at_ms = event_time(sent)
    if at_ms is None or not is_plausible(at_ms, info.context.now_ms):
        raise ValueError("not a time of an event")
    return at_ms


EventType = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_allowed_type)]
Text = Annotated[str, Field(json_schema_extra={"pattern": PATTERN})]
Time = Annotated[int | float | Text, AfterValidator(_time)]


class CheckedEvent(BaseModel):
    """What is checked of an event; the first of its fields that is wrong is reported."""

    model_config = ConfigDict(frozen=True, strict=True, from_attributes=True)

    type: EventType = Field(
        description="Event type, one of the project's; `eventType` and `event_type` mean the same"
    )
    timestamp: Time | None = Field(None, description="Milliseconds since 1970, or ISO 8601; without it: now")


def _one_of_the_names(schema: dict[str, Any]) -> None:
    """Say that the first name that is not null holds the type, and that those after it may hold anything."""
    of_type, null = schema["properties"]["type"], {"type": "null"}
    schema["properties"]["type"] = {"description": of_type.pop("description")}
    schema.pop("required")
    schema["anyOf"] = [
        {"required": [name], "properties": dict.fromkeys(NAMES_OF_TYPE[:index], null) | {name: of_type}}
        for index, name in enumerate(NAMES_OF_TYPE)
    ]


class Event(CheckedEvent):
    """An event as the document's clients send it; further fields are kept too."""

    model_config = ConfigDict(json_schema_extra=_one_of_the_names)

    userId: Any = Field(None, description="User identifier")  # noqa: N815 - named as it is sent
    sessionId: Any = Field(None, description="Session identifier")  # noqa: N815
    properties: Any = Field(None, description="Anything else about the event")


class Events(BaseModel):
    """Events that are taken all together or not at all."""

    messageBody: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]  # noqa: N815
    messageheader: dict[str, Any] | None = Field(None, description="Kept with every event of the request")


class Accepted(BaseModel):
    """The answer to a request: `value` is a string that holds JSON, `{"pingId": "<uuid>"}`."""

    headers: dict[str, str]
    value: str


class Refused(BaseModel):
    """Every other answer; `error` is the status in words."""

    error: str
    message: str
    statusCode: int  # noqa: N815


class SentEvent(msgspec.Struct, frozen=True):
    """An event before it is checked: its type under any of its names, and its time; the others skipped."""

    by_type: str | None = msgspec.field(default=None, name="type")
    by_event_type: str | None = msgspec.field(default=None, name="eventType")
    by_event_type_too: str | None = msgspec.field(default=None, name="event_type")
    timestamp: int | float | str | None = None

    @property
    def type(self) -> str | None:
        """The first that is not null."""
        for sent in (self.by_type, self.by_event_type, self.by_event_type_too):
            if sent is not None:
                return sent
        return None


_sent_event = msgspec.json.Decoder(SentEvent)
_sent_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_sent_fields = SentEvent.__struct_encode_fields__
_checked_event = TypeAdapter(CheckedEvent).validator
_NULL = msgspec.Raw(b"null")


def check(event: bytes, circumstances: Circumstances) -> CheckedEvent:
    """Validate one event, given as valid JSON.

    Raises `Invalid` with the first problem, in the order of the fields.
    """
    try:
        checked: CheckedEvent = _checked_event.validate_python(_sent(event), context=circumstances)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
        raise Invalid(WRONG_TIME if wrong[:1] == ("timestamp",) else WRONG_TYPE) from None
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
    return SentEvent(*(json_text.scalar_of(members.get(name, _NULL)) for name in _sent_fields))
