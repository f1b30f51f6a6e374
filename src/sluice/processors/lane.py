"""One owned partition: its raw records are decided in order, each exactly once.

The journal's marker, not the group's committed offset, says how far the partition is decided. So a record that was
decided before is skipped, and one beyond the next means that records in between have not been seen: seek back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sluice.processors.decide import decide
from sluice.processors.journal import Marker
from sluice.processors.pack import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.processors.decide import RawRecord
    from sluice.processors.journal import Journal
    from sluice.processors.rules.canonical.visitor import Visitors

log = logging.getLogger(__name__)


class RawLog(Protocol):
    """What a lane has to know of `events.raw` beside its records."""

    async def topic_id(self) -> str:
        """Give Kafka's id of the topic. Raises `Retry` while Kafka cannot be asked."""
        ...

    async def start_of(self, partition: int) -> int:
        """Give the offset of the oldest record that the partition still holds. Raises `Retry` likewise."""
        ...


@dataclass(frozen=True)
class Progress:
    """What `Lane.process` did with its records.

    The first `done` of them need not be seen again. `seek_to`, where it is given, is the offset that has to come
    next: the records after the done ones were not looked at.
    """

    done: int
    seek_to: int | None = None


class Lane:
    """Decides the records of one partition. `next_offset` is the one that has to come next."""

    def __init__(self, partition: int, journal: Journal, raw_log: RawLog, visitors: Visitors) -> None:
        self.partition = partition
        self.next_offset = 0
        self._topic_id = ""
        self._journal = journal
        self._raw_log = raw_log
        self._visitors = visitors

    async def open(self) -> None:
        """Take the partition over and find out where to go on.

        Raises `Retry` while Kafka cannot be asked, and `Fenced` if another takes the partition at the same time.
        """
        marker = await self._journal.open(self.partition)
        self._topic_id = await self._raw_log.topic_id()
        start = await self._raw_log.start_of(self.partition)
        self.next_offset = self._resume_at(marker, start)

    async def close(self) -> None:
        """Give the partition up."""
        await self._journal.close(self.partition)

    async def process(self, records: Sequence[RawRecord]) -> Progress:
        """Decide records of this partition, which come in the order of their offsets, in one transaction.

        Raises what `Journal.commit` raises; after `Retry`, `open` the lane again and process the same records.
        """
        old = 0
        while old < len(records) and records[old].offset < self.next_offset:
            old += 1
        fresh = self._contiguous(records[old:])
        if fresh:
            output = list(pack(decide(record, self._visitors) for record in fresh))
            await self._journal.commit(self.partition, output, Marker(self._topic_id, fresh[-1].offset))
            self.next_offset = fresh[-1].offset + 1
        done = old + len(fresh)
        return Progress(done, None if done == len(records) else self.next_offset)

    def _contiguous(self, records: Sequence[RawRecord]) -> Sequence[RawRecord]:
        """Give the records up to the first gap; the raw topic is dense, so a gap means records not seen yet."""
        for seen, record in enumerate(records):
            if record.offset != self.next_offset + seen:
                return records[:seen]
        return records

    def _resume_at(self, marker: Marker | None, start: int) -> int:
        if marker is None:
            return start
        if marker.topic_id != self._topic_id:
            log.warning(
                "partition %s: topic events.raw was made anew (id %s, was %s); starting at its offset %s",
                self.partition, self._topic_id, marker.topic_id, start,
            )  # fmt: skip
            return start
        if marker.offset + 1 < start:
            log.error(
                "partition %s: raw records %s to %s were removed by retention before they were decided; they are lost",
                self.partition, marker.offset + 1, start - 1,
            )  # fmt: skip
        return max(marker.offset + 1, start)
