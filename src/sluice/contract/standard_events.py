"""Taking a body of API 5 apart: which standard event it holds, and where that event's members stand.

The gateway checks and routes by it and the processors decide by it, so both must read it alike. Of members with the
same name the last counts, and a member that is null is absent.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

import msgspec

from sluice.contract.routing import CONFIRMATION, EMAIL_OPEN

UPDATE = "update"
LOGIN = "login"
GENERIC = "generic"

STANDARD_EVENTS = (
    UPDATE,
    LOGIN,
    GENERIC,
    CONFIRMATION,
    EMAIL_OPEN,
    "page_view",
    "product_view",
    "category_view",
    "add_to_cart",
    "remove_from_cart",
    "cart_view",
    "checkout",
    "search",
    "wishlist",
    "logout",
    "email_click",
)
"""Those that every project may send; it may name more of its own."""

USER_SAVED = "user_saved"
"""What a user who was created or updated by POST /user/ is called beside the standard events."""

CHANGE_USER = frozenset({UPDATE, LOGIN, USER_SAVED})
"""Those that set attributes of their user."""

ABSENT = msgspec.Raw(b"null")


class Body(msgspec.Struct, frozen=True):
    """The two members of a body that have a meaning, as they were sent."""

    user: msgspec.Raw = ABSENT
    event: msgspec.Raw = ABSENT


class Sent(NamedTuple):
    """What a valid body says: `members` is the JSON object that holds the event's members, or a saved user's.

    `kind` is the standard event, or `USER_SAVED`; `event_type` is the same but for `generic`, which names itself.
    """

    kind: str
    event_type: str
    members: msgspec.Raw


class _Generic(msgspec.Struct, frozen=True):
    event_name: msgspec.Raw = ABSENT
    generic: msgspec.Raw = ABSENT


_body = msgspec.json.Decoder(Body)
_generic = msgspec.json.Decoder(_Generic)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)


def read(body: bytes | msgspec.Raw) -> Sent:
    """Take a body apart that the gateway has validated; one without an event is a saved user's."""
    sent = _body.decode(body)
    if is_absent(sent.event):
        return Sent(USER_SAVED, USER_SAVED, sent.user)
    ((kind, event),) = kinds_of(sent.event).items()
    members = members_of(kind, event)
    return Sent(kind, _string.decode(_generic.decode(members).event_name) if kind == GENERIC else kind, members)


def kinds_of(event: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Give what an `event` holds, by kind; a valid one has exactly one, and of more no more than two are given.

    Raises `msgspec.ValidationError` when it is no object.
    """
    present = ((kind, sent) for kind, sent in _members.decode(event).items() if not is_absent(sent))
    return dict(islice(present, 2))


def members_of(kind: str, sent: msgspec.Raw) -> msgspec.Raw:
    """Give the object with an event's members: for `generic` the inner `generic`, unless the outer one has a name.

    The document shows `{"generic": {"generic": {"event_name": ...}}}`; the short form leaves one of them out.
    """
    if kind != GENERIC:
        return sent
    outer = _generic.decode(sent)
    return outer.generic if is_absent(outer.event_name) and is_object(outer.generic) else sent


def is_absent(sent: msgspec.Raw) -> bool:
    """Tell whether a member was not sent, or as null."""
    return bytes(sent) == b"null"


def is_object(sent: msgspec.Raw) -> bool:
    """Tell whether a member is an object."""
    return bytes(sent).startswith(b"{")
