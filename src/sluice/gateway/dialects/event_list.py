"""Reading bodies that are an object with an array of events under one name."""

from __future__ import annotations

from typing import Any

import msgspec

from sluice.contract.errors import Invalid
from sluice.gateway import json_text

_NULL = msgspec.Raw(b"null")


class EventList:
    """The array's `name`, how many events it may hold at `most`, and the words for what is wrong with a body."""

    def __init__(self, name: str, most: int, *, no_object: str, missing: str, wrong: str) -> None:
        self._most = most
        self._no_object = no_object
        self._missing = missing
        self._wrong = wrong
        sent = msgspec.defstruct("Sent", [("events", msgspec.Raw, _NULL)], rename={"events": name})
        self._sent: msgspec.json.Decoder[Any] = msgspec.json.Decoder(sent)
        self._elements = json_text.Elements(most)

    def read(self, body: bytes) -> list[msgspec.Raw]:
        """Give the events of a body, each as it was sent; of several arrays of the name those of the last.

        Raises `Malformed` for what is no strict JSON, and `Invalid`.
        """
        try:
            array = json_text.decode(body, self._sent).events
        except msgspec.ValidationError:
            json_text.refuse_deep(body)
            raise Invalid(self._no_object) from None
        events = self._elements.read(array)
        if events is None or not 1 <= len(events) <= self._most:
            json_text.refuse_deep(body)
            raise Invalid(self._missing if bytes(array) == bytes(_NULL) else self._wrong)
        json_text.refuse_deep_list(body, events)
        return events
