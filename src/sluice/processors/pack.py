"""Packing what comes in order into as few pieces as their size allows: lines into records, records into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sluice.contract import ndjson, processed
from sluice.contract.raw import RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sluice.contract.processed import Processed

T = TypeVar("T")


def pack(decided: Iterable[Sequence[Processed]], limit: int = RECORD_BYTES) -> Iterator[bytes]:
    """Pack the lines of raw records into the values of output records, in order.

    `decided` holds the lines of one raw record after the other. The lines of a raw record stay together, and as
    many raw records as fit within `limit` bytes share an output record; a larger one stands alone.
    """
    values = (ndjson.join(processed.encode(line) for line in lines) for lines in decided)
    return map(b"".join, cut(values, len, limit))


def cut(items: Iterable[T], size_of: Callable[[T], int], limit: int) -> Iterator[Sequence[T]]:
    """Cut items into batches whose sizes come to at most `limit`, in order; a larger item stands alone."""
    batch: list[T] = []
    batch_size = 0
    for item in items:
        size = size_of(item)
        if batch and batch_size + size > limit:
            yield batch
            batch, batch_size = [], 0
        batch.append(item)
        batch_size += size
    if batch:
        yield batch
