"""NDJSON: the form of every record's value on Kafka; one JSON text for each line.

Readable with any Kafka tool, and ClickHouse's own Kafka engine reads it as JSONEachRow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_LINES = 10_000
"""A record's lines, at most. One that a gateway writes has fewer, however little its events hold.

Whatever else is written to a topic may be all line feeds, and each line costs a row of its own.
"""

_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def on_one_line(json_text: bytes) -> bytes:
    """Turn the line breaks of a valid JSON text into spaces.

    JSON allows a raw line break only between tokens, so the value stays the same, byte for byte elsewhere.
    """
    return json_text.translate(_LINE_BREAKS)


def form_on_one_line(json_text: bytes) -> Callable[[bytes], bytes]:
    """Give what `on_one_line` does for the parts of a JSON text: nothing, where the whole has no line breaks."""
    return on_one_line if b"\n" in json_text or b"\r" in json_text else bytes


def join(lines: Iterable[bytes]) -> bytes:
    """Make a record's value of its lines; every line ends in a line feed."""
    return b"".join(line + b"\n" for line in lines)


def split(value: bytes) -> list[bytes]:
    """Give the lines of a record's value, in order; the inverse of `join`.

    A value that does not end in a line feed has its rest as a last line; an empty value has one empty line, so
    that every record gives at least one line. Of one with more than `MAX_LINES`, the last line is all the rest.
    """
    return value.removesuffix(b"\n").split(b"\n", MAX_LINES - 1)
