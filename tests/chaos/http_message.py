"""One HTTP/1.1 message, read as the bytes it came in, with as much understanding as a relay needs."""

from __future__ import annotations

import re
from asyncio import IncompleteReadError
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from asyncio import StreamReader

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"^content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:\s*chunked\s*$", re.IGNORECASE | re.MULTILINE)
_INSERT = re.compile(r"INSERT INTO (?:`?sluice`?\.)?`?(\w+)", re.IGNORECASE)
_ASKS_FOR_A_MARK = "argMax(block_first"
_STATEMENT_BYTES = 65_536
MARK = "mark"


async def read_message(reader: StreamReader) -> bytes | None:
    """Read one message, head and body; None where the connection ends instead of beginning one.

    Raises `IncompleteReadError` where it ends within one.
    """
    try:
        head = await reader.readuntil(_END_OF_HEAD)
    except IncompleteReadError as error:
        if error.partial:
            raise
        return None
    if _CHUNKED.search(head.replace(b"\r", b"")):
        return head + await _read_chunks(reader)
    length = _LENGTH.search(head.replace(b"\r", b""))
    return head + await reader.readexactly(int(length[1])) if length else head


def target(request: bytes) -> str | None:
    """Give the name of the table that a request to ClickHouse inserts into, or `MARK` where it asks for a mark.

    None for any other request. The statement stands in the URL's query or at the start of the body.
    """
    line, _, _ = request.partition(b"\r\n")
    _, _, body = request.partition(_END_OF_HEAD)
    for place in (unquote_plus(line.decode("latin-1")), body[:_STATEMENT_BYTES].decode("latin-1")):
        if found := _INSERT.search(place):
            return found[1]
        if _ASKS_FOR_A_MARK in place:
            return MARK
    return None


async def _read_chunks(reader: StreamReader) -> bytes:
    chunks = b""
    while True:
        size_line = await reader.readuntil(b"\r\n")
        size = int(size_line.split(b";")[0], 16)
        chunks += size_line + await reader.readexactly(size + 2)
        if size == 0:
            return chunks
