"""Known users as records of the topic `users.known`. Pure.

A record's key is the identifier, `<project>/<kind>/<value>` in UTF-8, on the partition of that key; its value is
whom the identifier means, as JSON: `{"user_id":"u1","email":"ann@example.com"}`. The latest record of a key counts,
and one without a value forgets the identifier.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, get_args

import msgspec

from sluice.gateway.users.port import Identifier, Kind, Known


class Foreign(ValueError):
    """A record that is none of ours; its message says why."""


class Change(NamedTuple):
    """A checked record: from now on the identifier means this user, or nobody where `value` is None."""

    key: bytes
    value: bytes | None


class _Value(msgspec.Struct, frozen=True):
    """Members that are not known here are left alone: a newer gateway may write more."""

    user_id: Annotated[str, msgspec.Meta(min_length=1)]
    email: str


_KINDS = frozenset(get_args(Kind))
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Value)


def key_of(identifier: Identifier) -> str:
    """Give the key of an identifier. A project's name holds no slash, so that no two identifiers have the same."""
    return f"{identifier.project}/{identifier.kind}/{identifier.value}"


def value_of(known: Known) -> bytes:
    """Give the value that means this user."""
    return _encoder.encode(_Value(known.user_id, known.email))


def known_of(value: bytes) -> Known:
    """Read the value of a checked record."""
    read = _decoder.decode(value)
    return Known(read.user_id, read.email)


def change_of(key: bytes | None, value: bytes | None) -> Change:
    """Check a record. Raises `Foreign` for one that no gateway would write."""
    if key is None:
        raise Foreign("it has no key")
    try:
        project, kind, name = key.decode().split("/", 2)
    except ValueError:  # also for what is no UTF-8
        raise Foreign("its key is not <project>/<kind>/<value>") from None
    if kind not in _KINDS or not project or not name:
        raise Foreign("its key is not <project>/<kind>/<value>")
    if value is not None:
        try:
            _decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Foreign(f"its value is not a user: {error}") from None
    return Change(key, value)
