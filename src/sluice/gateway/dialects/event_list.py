"""Reading bodies that are an object with an array of events under one name."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from sluice.contract.errors import Invalid
from sluice.gateway import json_text

_NULL = b"null"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class EventList:
    """The array's `name`, how many events it may hold at `most`, and the words for what is wrong with a body.

    A few kilobytes can unpack to millions of elements, so no more than one too many of them are ever made: the array
    is read as a struct with so many fields, and what comes after them is skipped.
    """

    def __init__(self, name: str, most: int, *, no_object: str, missing: str, wrong: str) -> None:
        self._name = name
        self._most = most
        self._no_object = no_object
        self._missing = missing
        self._wrong = wrong
        places = [(f"event_{index}", msgspec.Raw | msgspec.UnsetType, UNSET) for index in range(most + 1)]
        array = msgspec.defstruct("Events", places, array_like=True)
        self._array: msgspec.json.Decoder[Any] = msgspec.json.Decoder(array)
        sent = msgspec.defstruct("Sent", [("events", array)], rename={"events": name})
        self._body: msgspec.json.Decoder[Any] = msgspec.json.Decoder(sent)

    def read(self, body: bytes) -> list[msgspec.Raw]:
        """Give the events of a body, each as it was sent.

        Raises `Malformed` for what is no strict JSON, and `Invalid`.
        """
        try:
            array = json_text.decode(body, self._body).events
        except msgspec.ValidationError:
            json_text.refuse_deep(body)
            array = self._last_of_the_name(body)
        events = [event for event in msgspec.structs.astuple(array) if event is not UNSET]
        if not 1 <= len(events) <= self._most:
            json_text.refuse_deep(body)
            raise Invalid(self._wrong)
        json_text.refuse_deep_list(body, events)
        return events

    def _last_of_the_name(self, body: bytes) -> Any:
        """Look again: of several members of the name only the last must be an array."""
        try:
            members = _members.decode(body)
        except msgspec.ValidationError:
            raise Invalid(self._no_object) from None
        events = members.get(self._name)
        if events is None or bytes(events) == _NULL:
            raise Invalid(self._missing)
        try:
            return self._array.decode(events)
        except msgspec.ValidationError:
            raise Invalid(self._wrong) from None
