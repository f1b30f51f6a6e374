"""Reading the bodies of API 4: all of a request's events are valid, or all that is wrong with it is told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Raw
from pydantic import TypeAdapter, ValidationError

from sluice.contract.ndjson import form_on_one_line
from sluice.gateway import json_text
from sluice.gateway.dialects.client.faults import unidentified, wrong_members
from sluice.gateway.dialects.client.jsonapi import Fault, InvalidDocument, Location, inside
from sluice.gateway.dialects.client.known_members import KnownMembers
from sluice.gateway.dialects.client.shapes import (
    MAX_EVENTS,
    Bulk,
    Event,
    EventBulkCreate,
    EventBulkCreateJob,
    Profile,
)
from sluice.gateway.dialects.client.values import NOW_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class SentEvent(NamedTuple):
    """One valid event: the name of its metric, and its bytes as they were sent, on one line."""

    metric: str
    text: bytes


class SentBulk(NamedTuple):
    """A valid profile and its events; `profile_text` is the profile as it was sent, on one line."""

    profile: Profile
    profile_text: bytes
    events: Sequence[SentEvent]


class _Texts(NamedTuple):
    """The profile and the events of a bulk as they were sent, and nothing where there are none."""

    profile: Raw
    events: Sequence[Raw]


_AS_TEXT = frozenset({Profile})
_NULL = b"null"
_profile = KnownMembers(Profile)
_event = KnownMembers(Event)
_bulk = KnownMembers(Bulk, as_text=_AS_TEXT)
_elements = json_text.Elements(MAX_EVENTS)


class Form:
    """How the bodies of one endpoint are read.

    `shape` is theirs; at `place` stands a bulk, or an array of them (`several`).
    """

    def __init__(
        self, shape: type[EventBulkCreate | EventBulkCreateJob], place: Location, *, several: bool = False
    ) -> None:
        self._place = place
        self._several = several
        self._outline = KnownMembers(shape, as_text=_AS_TEXT)
        self._validator = TypeAdapter(shape).validator

    def read(self, body: bytes, now_ms: int) -> list[SentBulk]:
        """Read the body of a request that came at this time.

        Raises `Malformed`, or `InvalidDocument` with everything that is wrong.
        """
        values = self._outline.read_body(body)
        bulks = self._bulks(values)
        texts = _read_bulks(bulks.values())
        checked = self._checked(values, unidentified(bulks), now_ms)
        on_one_line = form_on_one_line(body)
        return [_sent(bulk, text, on_one_line) for bulk, text in zip(checked, texts, strict=True)]

    def _bulks(self, values: Any) -> Mapping[Location, Any]:
        """Give what stands where bulks should, by its place."""
        if not self._several:
            return {self._place: inside(values, self._place)}
        _read_elements(inside(values, self._place[:-1]), _bulk.read)
        found = inside(values, self._place)
        return {(*self._place, number): bulk for number, bulk in enumerate(found)} if isinstance(found, list) else {}

    def _checked(self, values: Any, faults: list[Fault], now_ms: int) -> Sequence[Bulk]:
        try:
            checked: EventBulkCreate | EventBulkCreateJob = self._validator.validate_python(
                values, context={NOW_MS: now_ms}
            )
        except ValidationError as error:
            raise InvalidDocument(faults + wrong_members(error)) from None
        if faults:
            raise InvalidDocument(faults)
        return checked.bulks


PAGE_FORM = Form(EventBulkCreate, ("data",))
"""One profile and its events."""

JOB_FORM = Form(EventBulkCreateJob, ("data", "attributes", "events-bulk-create", "data"), several=True)
"""One or several profiles, each with its events."""


def _read_bulks(bulks: Iterable[Any]) -> list[_Texts]:
    """Read profiles and events in their places, but no more events once there are too many."""
    texts: list[_Texts] = []
    events = 0
    for bulk in bulks:
        profile = _read_profile(inside(bulk, ("attributes", "profile")))
        of_profile = inside(bulk, ("attributes", "events")) if events <= MAX_EVENTS else None
        texts.append(_Texts(profile, _read_elements(of_profile, _event.read)))
        events += len(texts[-1].events)
    return texts


def _read_profile(relation: Any) -> Raw:
    if not isinstance(relation, dict) or "data" not in relation:
        return Raw()
    text: Raw = relation["data"]
    relation["data"] = _profile.read(text)
    return text


def _read_elements(relation: Any, read: Callable[[Raw], Any]) -> Sequence[Raw]:
    """Read an array's elements in their place; what is no array, and not null, stays text."""
    if not isinstance(relation, dict) or "data" not in relation:
        return []
    text: Raw = relation["data"]
    elements = _elements.read(text)
    if elements is not None:
        relation["data"] = [read(element) for element in elements]
    elif bytes(text) == _NULL:
        relation["data"] = None
    return elements or []


def _sent(bulk: Bulk, texts: _Texts, on_one_line: Callable[[bytes], bytes]) -> SentBulk:
    return SentBulk(
        bulk.attributes.profile.data,
        on_one_line(bytes(texts.profile)),
        [
            SentEvent(event.attributes.metric.data.attributes.name, on_one_line(bytes(text)))
            for event, text in zip(bulk.attributes.events.data, texts.events, strict=True)
        ],
    )
