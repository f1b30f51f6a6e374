"""Reading from an event what rules go by: the order of a confirmation, the reader of an email, a project's own key.

The gateway routes by them and the processors decide by where an event was routed. They stand in the event or, else,
in its `properties`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

STATE_KEY_CHARACTERS = 256
"""A longer order, address or id is no key: what is routed and remembered by it would grow with it."""

RawMembers = dict[str, msgspec.Raw]

USER_NAMES = ("userId", "user_id")

_QUOTE = b'"'
_members = msgspec.json.Decoder(RawMembers)
_string = msgspec.json.Decoder(str)


def order_of(event: bytes) -> str | None:
    """Give the order of an event, a JSON object: a non-empty string or an integer, compared as its digits."""
    # Most events have none, and looking costs a parse; a name may also be written in escapes.
    if b"order" not in event and b"\\" not in event:
        return None
    return _first(event, ("orderId", "order_id"), _string_or_integer)


def member_of(event: bytes, name: str) -> str | None:
    """Give what a project's own rule goes by: a non-empty string or an integer, compared as its digits."""
    return _first(event, (name,), _string_or_integer)


def user_of(event: bytes) -> str | None:
    """Give the user that an event of API 2 names: a non-empty string or an integer, compared as its digits."""
    return _first(event, USER_NAMES, _string_or_integer)


def address_of(event: bytes) -> str | None:
    """Give the address, trimmed and lower, that says who opened an email where no user is known."""
    return _first(event, ("email",), _address)


def anonymous_id_of(event: bytes) -> str | None:
    """Give the anonymous id that says who opened an email where no user and no address is known."""
    return _first(event, ("anonymous_id", "anonymousId"), _text)


def members_and_properties(event: bytes) -> tuple[RawMembers, ...]:
    """Give the members of an event, a JSON object, and those of its `properties`, as they were sent."""
    members = _members.decode(event)
    return members, _properties(members)


def normal_email(address: str) -> str:
    """Give the form in which addresses are compared."""
    return address.strip().lower()


def _first(event: bytes, names: tuple[str, ...], read: Callable[[bytes], str | None]) -> str | None:
    """Give the first of these members that can be used, in the event, else in its properties."""
    for place in members_and_properties(event):
        for name in names:
            if name in place and (found := read(bytes(place[name]))) and len(found) <= STATE_KEY_CHARACTERS:
                return found
    return None


def identifier(sent: bytes) -> str | None:
    """Give what may name a user: a non-empty string or an integer (its digits), which is not too long for a key."""
    found = _string_or_integer(sent)
    return found if found and len(found) <= STATE_KEY_CHARACTERS else None


def _properties(members: RawMembers) -> RawMembers:
    sent = members.get("properties")
    return _members.decode(sent) if sent is not None and bytes(sent).startswith(b"{") else {}


def _text(sent: bytes) -> str | None:
    return _string.decode(sent) if sent.startswith(_QUOTE) else None


def _address(sent: bytes) -> str | None:
    found = _text(sent)
    return normal_email(found) if found else None


def _string_or_integer(sent: bytes) -> str | None:
    if sent.removeprefix(b"-").isdigit():
        return "0" if sent == b"-0" else sent.decode()
    return _text(sent)
