"""Routing keys of events whose type two rules look at: a confirmation by its order, an email open by its user.

Both rules hold for events of every API, and their members stand in the event or in its `properties`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sluice.contract.routing import CONFIRMATION, EMAIL_OPEN, routing_key

Read = Callable[[bytes], "str | None"]

_QUOTE = b'"'
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)

Members = dict[str, msgspec.Raw]


class StateKeys:
    """Gives routing keys for the events of one request of a project."""

    def __init__(self, project: str, dedup_id: str | None) -> None:
        self._project = project
        self._dedup_id = dedup_id
        self._plain = routing_key(project, "", dedup_id=dedup_id)

    def of(self, event_type: str, user_id: str | None, event: bytes) -> str | None:
        """Give the key of an event, by its type and user and its bytes, an object in JSON."""
        if event_type == CONFIRMATION:
            return routing_key(self._project, event_type, order_id=_order(event), dedup_id=self._dedup_id)
        if event_type == EMAIL_OPEN:
            user = user_id or _reader(event)
            return routing_key(self._project, event_type, user=user, dedup_id=self._dedup_id)
        return self._plain


def _order(event: bytes) -> str | None:
    return _first(event, ("orderId", "order_id"), _string_or_integer)


def _reader(event: bytes) -> str | None:
    email = _first(event, ("email",), _text)
    if email and email.strip():
        return email.strip().lower()
    return _first(event, ("anonymous_id", "anonymousId"), _text)


def _first(event: bytes, names: tuple[str, ...], read: Read) -> str | None:
    """Give the first of these members that can be used, in the event, else in its properties."""
    members = _members.decode(event)
    for place in (members, _properties(members)):
        for name in names:
            if name in place and (found := read(bytes(place[name]))):
                return found
    return None


def _properties(members: Members) -> Members:
    sent = members.get("properties")
    return _members.decode(sent) if sent is not None and bytes(sent).startswith(b"{") else {}


def _text(sent: bytes) -> str | None:
    return _string.decode(sent) if sent.startswith(_QUOTE) else None


def _string_or_integer(sent: bytes) -> str | None:
    """Give a string, or an integer as the string of its digits; an order is the same in either form."""
    return sent.decode() if sent.removeprefix(b"-").isdigit() else _text(sent)
