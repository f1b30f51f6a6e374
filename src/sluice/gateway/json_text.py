"""The gate that every body passes before its fields are looked at: strict JSON in strict UTF-8, not too deep.

msgspec refuses NaN, Infinity, lone surrogates, leading zeros, trailing text, raw control characters and a BOM, and
it skips what nobody asked for without building it, so that numbers beyond 64 bits pass unchanged. It does not look at
UTF-8 in what it skips, nor at depth below Python's recursion limit: both are added here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sluice.contract.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_LEVELS = 100

_NOT_JSON = "Body must be valid JSON"
_TOO_DEEP = f"Body is nested deeper than {MAX_LEVELS} levels"

T = TypeVar("T")


class NotJson(Malformed):
    """The body is not one JSON text; some APIs have words of their own for it."""


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a body that is strict JSON in UTF-8; depth is checked apart from this.

    Raises `Malformed` (`NotJson` for its syntax) when it is not JSON, and `msgspec.ValidationError` when it is, but
    of another shape.
    """
    refuse_bad_utf8(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        refuse_bad_syntax(body)
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotJson(_NOT_JSON) from None
    except RecursionError:
        raise Malformed(_TOO_DEEP) from None


def refuse_bad_utf8(body: bytes) -> None:
    """Raise `Malformed` unless the body is UTF-8 throughout."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise Malformed("Body must be valid UTF-8") from None


_any_json = msgspec.json.Decoder(msgspec.Raw)


def refuse_bad_syntax(body: bytes) -> None:
    """Raise `NotJson` unless the body is one JSON text."""
    try:
        _any_json.decode(body)
    except RecursionError:
        raise Malformed(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotJson(_NOT_JSON) from None


_any_value = msgspec.json.Decoder()


def value_of(text: msgspec.Raw) -> Any:
    """Give the value of a valid JSON text; for a number that no double can hold, infinity of its sign."""
    try:
        return _any_value.decode(text)
    except msgspec.ValidationError:
        return -math.inf if bytes(text).startswith(b"-") else math.inf


def scalar_of(text: msgspec.Raw) -> Any:
    """Do as `value_of`, but give an empty list for any list and object.

    That is enough to say that it should not be there; what a hostile one holds would take seconds to build.
    """
    return [] if bytes(text).startswith((b"[", b"{")) else value_of(text)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def scalars_of(text: bytes, names: Iterable[str]) -> dict[str, Any] | None:
    """Give those of an object's members that have these names, each as `scalar_of` does; None for what is no object.

    Of members with the same name the last counts, whatever the others are.
    """
    try:
        members = _members.decode(text)
    except msgspec.ValidationError:
        return None
    return {name: scalar_of(members[name]) for name in names if name in members}


class Elements:
    """Reads an array's elements as they were sent, but only one more than it may have at `most`.

    A few kilobytes can unpack to millions of elements. So the array is read as a struct with so many fields, and what
    comes after them is skipped.
    """

    _SHORT = 16 * 1024
    """Bytes of an array that has few elements in any case, and is read quicker as a list."""

    def __init__(self, most: int) -> None:
        self._most = most
        places = [(f"element_{number}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for number in range(most + 1)]
        self._first = msgspec.json.Decoder(msgspec.defstruct("Elements", places, array_like=True))
        self._all = msgspec.json.Decoder(list[msgspec.Raw])

    def read(self, text: msgspec.Raw) -> list[msgspec.Raw] | None:
        """Read a valid JSON text; None where it is no array."""
        try:
            if memoryview(text).nbytes <= self._SHORT:
                return self._all.decode(text)[: self._most + 1]
            elements = msgspec.structs.astuple(self._first.decode(text))
        except msgspec.ValidationError:
            return None
        return [element for element in elements if element is not msgspec.UNSET]


def refuse_deep(body: bytes) -> None:
    """Raise `Malformed` when a valid JSON text is nested deeper than `MAX_LEVELS`."""
    if brackets(body) > MAX_LEVELS and deeper_than(body, MAX_LEVELS):
        raise Malformed(_TOO_DEEP)


def refuse_deep_list(body: bytes, elements: Sequence[bytes | msgspec.Raw]) -> None:
    """Raise `Malformed` when a body is nested too deep, which has these elements in an array of its object.

    The same answer as `refuse_deep`, quicker: a text cannot be deeper than it has opening brackets, and so most
    elements are done with one count each.
    """
    inside = 0
    deepest = MAX_LEVELS - 2
    for element in elements:
        opened = brackets(bytes(element))
        inside += opened
        if opened > deepest and deeper_than(bytes(element), deepest):
            raise Malformed(_TOO_DEEP)
    if brackets(body) - inside > MAX_LEVELS and deeper_than(body, MAX_LEVELS):
        raise Malformed(_TOO_DEEP)


def brackets(text: bytes) -> int:
    """Count the opening brackets of a JSON text, those in strings too: never less than its depth."""
    return text.count(b"{") + text.count(b"[")


_KEEP = b'[]{}"'
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_KEPT = bytes(set(range(256)) - set(_KEEP))
_PEELS = 10


def deeper_than(text: bytes, levels: int) -> bool:
    """Tell whether a valid JSON text is nested deeper than so many levels; exact, and linear in its length.

    Strings go first, then everything but brackets. A few rounds of taking away the innermost pairs leave so few
    peaks that walking over them is cheap, whatever an attacker sends (10 MiB: about 0.2 s).
    """
    shape = _brackets_outside_strings(text)
    for peeled in range(_PEELS):
        if not shape:
            return peeled > levels
        shape = shape.replace(b"[]", b"")
    return _PEELS + _height(shape) > levels


def _brackets_outside_strings(text: bytes) -> bytes:
    # Escapes must go before anything else: without its letter, the backslash of `\n` would escape what follows.
    quotes = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_TO_SQUARE, _ALL_BUT_KEPT)
    # Every second piece lies within quotes. Two quotes side by side may go: parity stays the same.
    return b"".join(quotes.replace(b'""', b"").split(b'"')[::2])


def _height(shape: bytes) -> int:
    """Give the depth of balanced square brackets."""
    depth = highest = 0
    for fall_and_rise in shape.split(b"]["):  # each piece rises, then falls; the separator held one step of both
        rise = fall_and_rise.count(b"[")
        depth += rise + 1
        highest = max(highest, depth)
        depth -= len(fall_and_rise) - rise + 1
    return highest - 1
