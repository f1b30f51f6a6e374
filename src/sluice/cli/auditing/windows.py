"""Reading a partition of `events.raw` in windows: so many records that one question to ClickHouse pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sluice.cli.auditing.comparing import lines_by_project

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sluice.cli.auditing.comparing import Lines, Record

WINDOW_RECORDS = 20_000
WINDOW_LINES = 200_000


class PartitionLog(Protocol):
    """What is read: see `sluice.cli.reading.log.PartitionLog`."""

    async def start(self) -> int:
        """Give the first offset that the partition holds now."""
        ...

    def records(self, wanted: range) -> AsyncIterator[Sequence[Record]]:
        """Give the records of a range of offsets, in order."""
        ...


class Window:
    """Raw records that follow each other: the offsets from `first` on, before `stop`, and by offset their lines.

    An offset within it that no record has counts as a record without lines.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.stop = first
        self.records: dict[int, Lines] = {}
        self._lines = 0

    def add(self, records: Sequence[Record], topic_id: str) -> None:
        """Add records that come next."""
        for record in records:
            self.records[record.offset] = lines = lines_by_project(record, topic_id)
            self._lines += sum(map(len, lines.values()))
        self.stop = records[-1].offset + 1

    @property
    def is_full(self) -> bool:
        """Whether it is enough for one question."""
        return len(self.records) >= WINDOW_RECORDS or self._lines >= WINDOW_LINES


async def windows(
    log: PartitionLog, topic_id: str, wanted: range, read: Callable[[int], None]
) -> AsyncIterator[Window]:
    """Give the raw records of a range of offsets. `read` hears each time how many records were read.

    Where retention takes records away meanwhile, the next window begins at the log's new start, or before it, at the
    records in hand, where retention has moved on since they were fetched.
    """
    window = Window(wanted.start)
    async for records in log.records(wanted):
        if records[0].offset != window.stop and (start := await log.start()) > window.stop:
            yield window
            window = Window(min(start, records[0].offset))
        window.add(records, topic_id)
        read(len(records))
        if window.is_full:
            yield window
            window = Window(window.stop)
    if await log.start() <= window.stop:
        window.stop = wanted.stop
    yield window
