"""Taking an event's members apart without losing a byte of those that are only passed on.

A member is kept as the text it was sent as until someone asks for its value. So a number beyond 64 bits or 1e999,
which JSON allows and no parser here can hold, reaches `properties` as it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from sluice.contract.event_time import event_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_QUOTE = ord('"')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(float)
_time = msgspec.json.Decoder(int | float | str)


class Members:
    """The members of one JSON object; each is taken out at most once, and the rest are its extra ones."""

    def __init__(self, json_object: bytes | msgspec.Raw) -> None:
        self._rest = _members.decode(json_object)

    def text(self, *names: str) -> str:
        """Take out members of these names and give the first that is neither absent nor null, as text.

        A string is given as it is; anything else as its JSON text. Without any: the empty string.
        """
        found = ""
        for name in names:
            raw = self._rest.pop(name, None)
            if raw is not None and not found:
                found = as_text(raw)
        return found

    def take(self, read: Callable[[bytes], T | None], *names: str) -> T | None:
        """Take out the first member of these names that can be read, and give what was read; the others stay."""
        for name in names:
            found = self.look(read, name)
            if found is not None:
                del self._rest[name]
                return found
        return None

    def look(self, read: Callable[[bytes], T | None], *names: str) -> T | None:
        """Give what is read of the first member of these names that can be read; it stays among the extra ones."""
        for name in names:
            raw = self._rest.get(name)
            if raw is not None and (found := read(bytes(raw))) is not None:
                return found
        return None

    def among(self, names: Iterable[str]) -> list[str]:
        """Give those of these names that members have, in the order of the names."""
        return [name for name in names if name in self._rest]

    def number(self, name: str) -> float | None:
        """Take out a member that holds a number; None where it is absent or null.

        Raises `msgspec.DecodeError` where it holds something else or a number that no double can hold.
        """
        raw = self._rest.pop(name, None)
        return None if raw is None or bytes(raw) == b"null" else _number.decode(raw)

    def time(self, name: str) -> int | None:
        """Take out a member that holds an event's time and give it in milliseconds; None where it is absent or null.

        Raises `ValueError` where it holds something else.
        """
        raw = self._rest.pop(name, None)
        if raw is None or bytes(raw) == b"null":
            return None
        at_ms = event_time(_time.decode(raw))
        if at_ms is None:
            raise ValueError(f"{name} is neither milliseconds nor ISO 8601")
        return at_ms

    def object(self, name: str) -> dict[str, str]:
        """Take out a member that is an object, and give its members as text.

        Where it is something else it stays among the extra ones.
        """
        raw = self._rest.get(name)
        if raw is None or not bytes(raw).startswith(b"{"):
            return {}
        del self._rest[name]
        return Members(raw).extra()

    def extra(self) -> dict[str, str]:
        """Give what has not been taken out, as text; null members are absent."""
        return {name: text for name, raw in self._rest.items() if (text := as_text(raw))}


def as_text(raw: msgspec.Raw) -> str:
    """Give a string's characters, nothing for null, and the JSON text of everything else."""
    sent = bytes(raw)
    if sent[0] == _QUOTE:
        return _string.decode(sent)
    return "" if sent == b"null" else sent.decode()
