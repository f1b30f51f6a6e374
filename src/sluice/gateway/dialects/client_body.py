"""Reading the bodies of API 4: all of a request's events are valid, or all that is wrong with it is told at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from pydantic import TypeAdapter, ValidationError

from sluice.contract.ndjson import on_one_line
from sluice.gateway import json_text
from sluice.gateway.dialects.client_shapes import (
    IDENTIFIERS,
    MAX_EVENTS,
    Bulk,
    Event,
    EventBulkCreate,
    EventBulkCreateJob,
    Profile,
)
from sluice.gateway.dialects.client_values import NOW_MS
from sluice.gateway.dialects.jsonapi import Fault, InvalidDocument, Location, pointer
from sluice.gateway.dialects.known_members import known_members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails


class SentEvent(NamedTuple):
    """One valid event: the name of its metric, and its bytes as they were sent, on one line."""

    metric: str
    text: bytes


class SentBulk(NamedTuple):
    """A valid profile and its events; `profile_text` is the profile as it was sent, on one line."""

    profile: Profile
    profile_text: bytes
    events: Sequence[SentEvent]


class Form:
    """How the bodies of one endpoint are read: `shape` is theirs, and `place` where their bulk or bulks stand."""

    def __init__(self, shape: type[EventBulkCreate | EventBulkCreateJob], place: Location) -> None:
        self._place = place
        self._validator = TypeAdapter(shape).validator
        # What no double can hold becomes infinite, so that it is found wrong, or skipped, like any other number.
        self._values = msgspec.json.Decoder(known_members(shape), float_hook=float)
        self._texts = msgspec.json.Decoder(known_members(shape, as_text=frozenset({Event, Profile})))

    def read(self, body: bytes, now_ms: int) -> list[SentBulk]:
        """Read the body of a request that came at this time.

        Raises `Malformed`, or `InvalidDocument` with everything that is wrong.
        """
        checked = self._checked(self._decoded(body), now_ms)
        line_breaks = b"\n" in body or b"\r" in body
        return [
            _sent(bulk, texts["attributes"], line_breaks=line_breaks)
            for bulk, (_, texts) in zip(checked, self._bulks(self._texts.decode(body)), strict=True)
        ]

    def _decoded(self, body: bytes) -> Any:
        try:
            values = json_text.decode(body, self._values)
        except msgspec.ValidationError as error:
            json_text.refuse_deep(body)
            raise InvalidDocument([_out_of_range(error)]) from None
        json_text.refuse_deep(body)
        return values

    def _checked(self, values: Any, now_ms: int) -> Sequence[Bulk]:
        faults = [*_unidentified(self._bulks(values))]
        try:
            checked: EventBulkCreate | EventBulkCreateJob = self._validator.validate_python(
                values, context={NOW_MS: now_ms}
            )
        except ValidationError as error:
            raise InvalidDocument([*faults, *map(_fault, error.errors(include_url=False))]) from None
        if faults:
            raise InvalidDocument(faults)
        return checked.bulks

    def _bulks(self, values: Any) -> list[tuple[Location, Any]]:
        found = _inside(values, self._place)
        if self._place == ("data",):
            return [(self._place, found)]
        return (
            [((*self._place, number), bulk) for number, bulk in enumerate(found)] if isinstance(found, list) else []
        )


PAGE = Form(EventBulkCreate, ("data",))
"""One profile and its events."""

JOB = Form(EventBulkCreateJob, ("data", "attributes", "events-bulk-create", "data"))
"""One or several profiles, each with its events."""


def _sent(bulk: Bulk, texts: Any, *, line_breaks: bool) -> SentBulk:
    text_of = _text_on_one_line if line_breaks else bytes
    return SentBulk(
        bulk.attributes.profile.data,
        text_of(texts["profile"]["data"]),
        [
            SentEvent(event.attributes.metric.data.attributes.name, text_of(text))
            for event, text in zip(bulk.attributes.events.data, texts["events"]["data"], strict=True)
        ],
    )


def _text_on_one_line(text: msgspec.Raw) -> bytes:
    return on_one_line(bytes(text))


def _inside(value: Any, place: Location) -> Any:
    """Follow names into objects; None where there is no such place."""
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _unidentified(bulks: list[tuple[Location, Any]]) -> Iterator[Fault]:
    """Find the profiles that nobody could tell from others; what is no profile at all is told by its shape."""
    place = ("attributes", "profile", "data")
    for location, bulk in bulks[:MAX_EVENTS]:
        profile = _inside(bulk, place)
        if isinstance(profile, dict) and all(_is_empty(_identifier(profile, name)) for name in IDENTIFIERS):
            yield Fault(pointer(location + place), f"profile needs at least one of {', '.join(IDENTIFIERS)}")


def _identifier(profile: dict[str, Any], name: str) -> Any:
    return profile.get(name) if name == "id" else _inside(profile, ("attributes", name))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


_REASONS = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "literal_error": "must be {expected}",
    "float_type": "must be a number",
    "finite_number": "must be a number that 64 bits can hold",
    "model_type": "must be an object",
    "list_type": "must be an array",
    "too_short": f"must have 1 to {MAX_EVENTS} elements",
    "too_long": f"must have 1 to {MAX_EVENTS} elements",
    "value_error": "{error}",
}
"""What is wrong, by pydantic's type of error."""


def _fault(problem: ErrorDetails) -> Fault:
    location = problem["loc"]
    null = problem["input"] is None and location and isinstance(location[-1], str)
    reason = _REASONS["missing" if null else problem["type"]].format(**problem.get("ctx", {}))
    return Fault(pointer(location), f"{_subject(location)} {reason}")


def _subject(location: Location) -> str:
    """Name what a sentence is about: the member, or the element of an array."""
    parts = ["body", *location[:1], *(part for part in location[1:] if part != "data")]
    last = parts[-1]
    return f"{parts[-2]}[{last}]" if isinstance(last, int) else last


_PATH = re.compile(r"`\$(.*?)(?:\[\.\.\.\].*)?`")


def _out_of_range(error: msgspec.ValidationError) -> Fault:
    """Name the number that is too long even to be read; nothing else is refused by the decoder."""
    path = _PATH.search(str(error))
    parts = re.findall(r"[^.\[\]]+", path[1]) if path else []
    location = tuple(int(part) if part.isdigit() else part for part in parts)
    return Fault(pointer(location), f"{_subject(location)} is a number out of range")
