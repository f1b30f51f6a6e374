"""Blocks: what is inserted as one, and so becomes one part, whole or not at all.

A block holds whole raw records of one topic, one partition and one month, without a gap, whatever their outcomes. It
stays under 65,000 rows, because ClickHouse splits larger ones and their token no longer matches (verified on 26.9).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from sluice.contract import ndjson, processed
from sluice.contract.errors import Malformed
from sluice.contract.topics import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sluice.contract.processed import Processed

log = logging.getLogger(__name__)

BLOCK_ROWS = 50_000
BLOCK_BYTES = 64 * MIB


@dataclass(frozen=True)
class RawResult:
    """All that became of one raw record: a line for each of its lines, and how many bytes those came in."""

    topic_id: str
    partition: int
    offset: int
    timestamp: int
    lines: Sequence[Processed]
    size: int

    @property
    def month(self) -> tuple[int, int]:
        """Give year and month, in UTC, that the raw record belongs to."""
        day = datetime.fromtimestamp(self.timestamp / 1000, UTC)
        return day.year, day.month


@dataclass(frozen=True)
class Block:
    """Raw results that are inserted together."""

    results: Sequence[RawResult]

    @property
    def topic_id(self) -> str:
        """Give Kafka's id of the raw topic."""
        return self.results[0].topic_id

    @property
    def partition(self) -> int:
        """Give the number of the raw partition."""
        return self.results[0].partition

    @property
    def first(self) -> int:
        """Give the first source offset."""
        return self.results[0].offset

    @property
    def last(self) -> int:
        """Give the last source offset."""
        return self.results[-1].offset

    @property
    def lines(self) -> list[Processed]:
        """Give all lines, in the order of their sources."""
        return [line for result in self.results for line in result.lines]

    def token(self, attempt: int) -> str:
        """Give the deduplication token: compare-and-append on where the block starts.

        `attempt` counts from 0 how often ClickHouse has logged the token of this start without keeping its part.
        """
        return token(self.topic_id, self.partition, self.first, attempt)


def token(topic_id: str, partition: int, first: int, attempt: int = 0) -> str:
    """Give the deduplication token of what starts at a source offset; `attempt` counts those that were lost."""
    start = f"{topic_id}/{partition}/{first}"
    return f"{start}~{attempt}" if attempt else start


def read(value: bytes) -> list[RawResult]:
    """Read the value of a record of `events.processed` into the results of the raw records it holds.

    A line that no processor wrote stands for no event: it is left out, and the log says so.
    """
    lines = []
    for text in ndjson.split(value):
        try:
            lines.append((processed.decode(text), len(text)))
        except Malformed as error:
            log.error("somebody else wrote to events.processed; leaving this line out: %s", error)  # noqa: TRY400
    results = []
    for (topic_id, partition, offset), group in groupby(lines, key=lambda line: _coordinates(line[0])):
        of_one = list(group)
        results.append(
            RawResult(
                topic_id,
                partition,
                offset,
                of_one[0][0].source.timestamp,
                [line for line, _ in of_one],
                sum(size for _, size in of_one),
            )
        )
    return results


def cut(results: Iterable[RawResult], rows: int = BLOCK_ROWS, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut results, which come in order and without a gap, into blocks of at most `rows` rows and `size` bytes.

    A raw record that is larger stands alone.
    """
    pending: list[RawResult] = []
    pending_rows = pending_bytes = 0
    for result in results:
        if pending and (
            pending_rows + len(result.lines) > rows
            or pending_bytes + result.size > size
            or result.month != pending[0].month
        ):
            yield Block(pending)
            pending, pending_rows, pending_bytes = [], 0, 0
        pending.append(result)
        pending_rows += len(result.lines)
        pending_bytes += result.size
    if pending:
        yield Block(pending)


def _coordinates(line: Processed) -> tuple[str, int, int]:
    return line.source.topic, line.source.partition, line.source.offset
