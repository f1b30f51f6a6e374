"""What is looked for: an id as somebody typed it, and what it says by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sluice.contract.errors import Unusable

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_VERSION_AT = 14


@dataclass(frozen=True)
class Wanted:
    """The id of an event, of a request, or of an order: nothing tells which.

    `event_id` is there where it can be an event's: a UUID in its canonical form. `made_at` is when it was made, in
    milliseconds since 1970 in UTC, where it says so: ids that Sluice gives are UUIDs of version 7, and a client's own
    may be.
    """

    text: str
    event_id: str | None = None
    made_at: int | None = None

    def is_one_of(self, event_id: str, request_id: str, order_id: str) -> bool:
        """Tell whether an event with these ids is looked for."""
        return self.event_id == event_id or self.text in (request_id, order_id)


def wanted(text: str) -> Wanted:
    """Read an id.

    Raises `Unusable` for what cannot be one: nothing at all, or bytes that are no UTF-8.
    """
    if not text:
        raise Unusable("an empty id is no event's: give the id of an event, a request or an order")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unusable("an id is UTF-8 text, which this is not") from None
    lowered = text.lower()
    if not _UUID.fullmatch(lowered):
        return Wanted(text)
    of_version_7 = lowered[_VERSION_AT] == "7"
    return Wanted(text, lowered, int(lowered[:8] + lowered[9:13], 16) if of_version_7 else None)
