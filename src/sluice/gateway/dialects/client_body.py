"""Reading the bodies of API 4: all of a request's events are valid, or all that is wrong with it is told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from pydantic import TypeAdapter, ValidationError

from sluice.contract.ndjson import on_one_line
from sluice.gateway import json_text
from sluice.gateway.dialects.client_faults import out_of_range, unidentified, wrong_members
from sluice.gateway.dialects.client_shapes import (
    MAX_EVENTS,
    Bulk,
    Event,
    EventBulkCreate,
    EventBulkCreateJob,
    Profile,
)
from sluice.gateway.dialects.client_values import NOW_MS
from sluice.gateway.dialects.jsonapi import InvalidDocument, Location, inside
from sluice.gateway.dialects.known_members import known_members

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """How the bodies of one endpoint are read.

    `shape` is theirs; at `place` stands a bulk, or an array of them (`several`).
    """

    def __init__(
        self, shape: type[EventBulkCreate | EventBulkCreateJob], place: Location, *, several: bool = False
    ) -> None:
        self._place = place
        self._several = several
        self._validator = TypeAdapter(shape).validator
        # What no double can hold becomes infinite, so that it is found wrong, or skipped, like any other number.
        self._values = msgspec.json.Decoder(known_members(shape), float_hook=float)
        self._texts = msgspec.json.Decoder(known_members(shape, as_text=frozenset({Event, Profile})))

    def read(self, body: bytes, now_ms: int) -> list[SentBulk]:
        """Read the body of a request that came at this time.

        Raises `Malformed`, or `InvalidDocument` with everything that is wrong.
        """
        bulks = self._checked(self._decoded(body), now_ms)
        texts = self._bulks(self._texts.decode(body)).values()
        line_breaks = b"\n" in body or b"\r" in body
        return [
            _sent(bulk, text["attributes"], line_breaks=line_breaks) for bulk, text in zip(bulks, texts, strict=True)
        ]

    def _decoded(self, body: bytes) -> Any:
        try:
            values = json_text.decode(body, self._values)
        except msgspec.ValidationError as error:
            json_text.refuse_deep(body)
            raise InvalidDocument([out_of_range(error)]) from None
        json_text.refuse_deep(body)
        return values

    def _checked(self, values: Any, now_ms: int) -> Sequence[Bulk]:
        faults = unidentified(self._bulks(values))
        try:
            checked: EventBulkCreate | EventBulkCreateJob = self._validator.validate_python(
                values, context={NOW_MS: now_ms}
            )
        except ValidationError as error:
            raise InvalidDocument(faults + wrong_members(error)) from None
        if faults:
            raise InvalidDocument(faults)
        return checked.bulks

    def _bulks(self, values: Any) -> dict[Location, Any]:
        """Give what stands where bulks should, by its place; no more than there may be."""
        found = inside(values, self._place)
        if not self._several:
            return {self._place: found}
        elements = found[:MAX_EVENTS] if isinstance(found, list) else []
        return {(*self._place, number): element for number, element in enumerate(elements)}


PAGE = Form(EventBulkCreate, ("data",))
"""One profile and its events."""

JOB = Form(EventBulkCreateJob, ("data", "attributes", "events-bulk-create", "data"), several=True)
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
