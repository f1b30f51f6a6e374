"""Which formats can be sent block by block, although chdb encodes each block as a result of its own.

Pure. A format without header and footer is simply put together from its blocks. One with a header repeats it at
the head of each block, where it is cut off. All others (JSON, Parquet, Pretty, Values, ...) need the whole result.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Header(enum.Enum):
    """What each block of a format that can be streamed begins with."""

    NONE = "rows only"
    NAMES = "one line of names"
    NAMES_AND_TYPES = "a line of names and a line of types"


_LINES = (
    "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "Raw", "CSV",
    "JSONCompactEachRow", "JSONCompactStringsEachRow", "RowBinary",
)  # fmt: skip
_BARE = (
    "JSONEachRow", "JSONLines", "JSONL", "NDJSON", "JSONStringsEachRow", "TSKV", "LineAsString", "RawBLOB",
    "MsgPack", "BSONEachRow", "Native",
)  # fmt: skip
STREAMED: dict[str, Header] = {
    **{name.lower(): Header.NONE for name in (*_LINES, *_BARE)},
    **{f"{name}WithNames".lower(): Header.NAMES for name in _LINES},
    **{f"{name}WithNamesAndTypes".lower(): Header.NAMES_AND_TYPES for name in _LINES},
}
"""Formats that can be sent block by block, by name in lower case (ClickHouse takes any case)."""

UNSTREAMED_SETTINGS = frozenset({"extremes", "output_format_json_array_of_rows", "framing_output_format"})
"""Settings that give even these formats parts before, between or behind the rows."""


def header_length(format_name: str, block: bytes) -> int:
    """Say how many bytes at the head of a block are the header of its format."""
    name = format_name.lower()
    header = STREAMED[name]
    if header is Header.NONE:
        return 0
    lines = 1 if header is Header.NAMES else 2
    if name.startswith("rowbinary"):
        return _binary_header(block, lines)
    end_of_line: Callable[[bytes, int], int] = _csv_line if name.startswith("csv") else _line
    position = 0
    for _ in range(lines):
        position = end_of_line(block, position)
    return position


def _line(block: bytes, position: int) -> int:
    return block.index(b"\n", position) + 1


def _csv_line(block: bytes, position: int) -> int:
    """Find the end of a CSV line; a quoted value may hold line breaks."""
    quoted = False
    while True:
        quote, end = block.find(b'"', position), block.index(b"\n", position)
        if quoted:
            position, quoted = block.index(b'"', position) + 1, False
        elif 0 <= quote < end:
            position, quoted = quote + 1, True
        else:
            return end + 1


def _binary_header(block: bytes, lists: int) -> int:
    """Skip a count of columns and then one or two lists of that many strings, lengths in LEB128."""
    count, position = _varint(block, 0)
    for _ in range(count * lists):
        length, position = _varint(block, position)
        position += length
    return position


def _varint(block: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = block[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
