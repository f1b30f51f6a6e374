"""Reading bodies that are an object with an array of events under one name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from sluice.contract.errors import Invalid
from sluice.gateway import json_text

_NULL = b"null"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class EventList:
    """The array's `name`, how many events it may hold at `most`, and the words for what is wrong with a body."""

    name: str
    most: int
    no_object: str
    missing: str
    wrong: str
    _decoder: msgspec.json.Decoder[Any] = field(init=False)

    def __post_init__(self) -> None:
        sent = msgspec.defstruct("SentEvents", [(self.name, list[msgspec.Raw])])
        object.__setattr__(self, "_decoder", msgspec.json.Decoder(sent))

    def read(self, body: bytes) -> list[msgspec.Raw]:
        """Give the events of a body, each as it was sent.

        Raises `Malformed` for what is no strict JSON, and `Invalid`.
        """
        try:
            events: list[msgspec.Raw] = getattr(json_text.decode(body, self._decoder), self.name)
        except msgspec.ValidationError:
            json_text.refuse_deep(body)
            events = self._last_of_the_name(body)
        json_text.refuse_deep_list(body, events)
        if not 1 <= len(events) <= self.most:
            raise Invalid(self.wrong)
        return events

    def _last_of_the_name(self, body: bytes) -> list[msgspec.Raw]:
        """Look again: of several members of the name only the last must be an array."""
        try:
            members = _members.decode(body)
        except msgspec.ValidationError:
            raise Invalid(self.no_object) from None
        events = members.get(self.name)
        if events is None or bytes(events) == _NULL:
            raise Invalid(self.missing)
        try:
            return _list.decode(events)
        except msgspec.ValidationError:
            raise Invalid(self.wrong) from None
