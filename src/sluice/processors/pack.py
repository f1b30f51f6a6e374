"""Packing processed lines into output records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract import ndjson, processed
from sluice.contract.raw import RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sluice.contract.processed import Processed


def pack(decided: Iterable[Sequence[Processed]], limit: int = RECORD_BYTES) -> Iterator[bytes]:
    """Pack the lines of raw records into the values of output records, in order.

    `decided` holds the lines of one raw record after the other. The lines of a raw record stay together, and as
    many raw records as fit within `limit` bytes share an output record; a larger one stands alone.
    """
    values: list[bytes] = []
    size = 0
    for lines in decided:
        value = ndjson.join(processed.encode(line) for line in lines)
        if values and size + len(value) > limit:
            yield b"".join(values)
            values, size = [], 0
        values.append(value)
        size += len(value)
    if values:
        yield b"".join(values)
