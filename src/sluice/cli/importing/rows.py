"""The rows of a file of users: what is the same for every format. Pure, but for reading the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NamedTuple

import msgspec

from sluice.contract.state_keys import normal_email

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_LINE_BYTES = 10 * 1024 * 1024
"""The gateway takes no larger body."""

SHOWN_OF_TOO_LONG = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """A user: the JSON object as it is sent, where it stands in the file, and what names the user.

    Two rows that share a name are about the same user, and are sent in the order of the file.
    """

    line: int
    user: bytes
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """What cannot be imported, and why; as an object where it is one, else as the text of the file."""

    line: int
    why: str
    user: bytes | None = None
    text: str | None = None


class Line(NamedTuple):
    """One line of a file with its line break, or the start of one that is too long."""

    number: int
    text: bytes
    too_long: bool = False


class Lines:
    """A file's lines, one at a time, however long one may be; `bytes_read` says how far it has come."""

    BOM = b"\xef\xbb\xbf"

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.bytes_read = 0

    def __iter__(self) -> Iterator[Line]:
        number = 0
        while text := self._read():
            number += 1
            too_long = len(text) > MAX_LINE_BYTES
            if too_long:
                kept = text[:SHOWN_OF_TOO_LONG]
                while text and not text.endswith(b"\n"):
                    text = self._read()
                text = kept
            yield Line(number, text.removeprefix(self.BOM) if number == 1 else text, too_long)

    def _read(self) -> bytes:
        text = self._file.readline(MAX_LINE_BYTES + 1)
        self.bytes_read += len(text)
        return text


def row_of(line: int, user: bytes, members: Mapping[str, msgspec.Raw]) -> Row | BadRow:
    """Check that a user has a name; everything else is for the gateway to check."""
    names = frozenset(
        f"{member}/{name}" for member in ("_id", "email") if (name := _name(member, members.get(member))) is not None
    )
    if not names:
        return BadRow(line, "has neither email nor _id", user)
    return Row(line, user, names)


def _name(member: str, sent: msgspec.Raw | None) -> str | None:
    """Give a name as the gateway compares it; None where it is absent."""
    text = bytes(sent) if sent is not None else b"null"
    if text in {b"null", b'""'}:
        return None
    if not text.startswith(b'"'):
        return text.decode()
    value: str = msgspec.json.decode(text)
    return normal_email(value) if member == "email" else value
