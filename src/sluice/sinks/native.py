"""Rows of the event log as bytes that ClickHouse reads: one block in its format Native, compressed.

Encoding apart from sending tells what cannot be written at all from what did not arrive. One block of the format is
one block of the insert: clickhouse-connect's own insert would cut it into pieces, and each would have its own token.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.common import write_leb128
from clickhouse_connect.driver.compression import get_compressor
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.insert import InsertContext

from sluice.contract.errors import Reject
from sluice.sinks.columns import NAMES, TYPES, columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.processed import Processed

COMPRESSION = "lz4"
"""The bytes' Content-Encoding."""

_TYPES = [get_from_name(name) for name in TYPES]


def encode(lines: Sequence[Processed], block_first: int) -> bytes:
    """Give lines as the rows of a block that starts at that source offset, with the columns `NAMES`.

    Raises `Reject` where a value has no place in its column: a number that is too large, a text that is no Unicode.
    """
    try:
        values = columns(lines, block_first)
    except ValueError as error:
        raise Reject(str(error)) from error
    block = bytearray()
    write_leb128(len(NAMES), block)
    write_leb128(len(lines), block)
    context = InsertContext("", NAMES, _TYPES)
    for name, kind, column in zip(NAMES, _TYPES, values, strict=True):
        for text in (name, kind.insert_name):
            write_leb128(len(text), block)
            block += text.encode("ascii")
        context.start_column(name)
        try:
            kind.write_column(column, block, context)
        except (ClickHouseError, ArithmeticError, TypeError, ValueError, struct.error) as error:
            raise Reject(f"column {name}: {error}") from error
    return bytes(get_compressor(COMPRESSION).compress_block(block))
