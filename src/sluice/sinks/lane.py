"""One owned partition of `events.processed`: its results reach the event log exactly once.

The table is the ledger. What is at or below its mark is stored already. What comes next is appended with a token that
is bound to where the block starts, so that of two sinks only one lands. ClickHouse drops the loser without a word, so
the mark is read back after each insert, and decides. See docs/decisions/0006-ledger.md.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from sluice.contract.errors import Retry
from sluice.sinks.block import Block, cut, read
from sluice.sinks.event_log import Mark
from sluice.stream.lane import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.sinks.block import RawResult
    from sluice.sinks.event_log import EventLog
    from sluice.stream.lane import Record

log = logging.getLogger(__name__)


class ProcessedLog(Protocol):
    """What a lane has to know of `events.processed` beside its records."""

    async def start_of(self, partition: int) -> int:
        """Give the offset of the oldest record that the partition still holds. Raises `Retry` while away."""
        ...


class SinkLane:
    """Stores what the processors decided of one partition."""

    def __init__(self, partition: int, event_log: EventLog, processed_log: ProcessedLog) -> None:
        self._partition = partition
        self._event_log = event_log
        self._processed_log = processed_log
        self._marks: dict[str, Mark | None] = {}
        self._searched_from_start = False

    async def open(self) -> None:
        """Forget what was known of the table, since another may have written to it."""
        self._marks.clear()

    async def close(self) -> None:
        """Nothing is held."""

    async def process(self, records: Sequence[Record]) -> Progress:
        """Append what the table does not hold yet, block by block."""
        results = [result for record in records for result in read(record.value)]
        for topic_id in dict.fromkeys(result.topic_id for result in results):
            fresh = await self._fresh([result for result in results if result.topic_id == topic_id], topic_id)
            if fresh is None:
                return Progress(0, await self._processed_log.start_of(self._partition))
            while fresh:
                await self._append(next(cut(fresh)))
                fresh = self._after_mark(fresh, topic_id)
        return Progress(len(records))

    async def _fresh(self, results: Sequence[RawResult], topic_id: str) -> Sequence[RawResult] | None:
        """Give the results that the table lacks; None where some before them are missing and must be looked for."""
        if topic_id not in self._marks:
            self._marks[topic_id] = await self._event_log.mark(topic_id, self._partition)
            if self._marks[topic_id] is None:
                log.warning("partition %s: a new ledger starts for raw topic %s", self._partition, topic_id)
        fresh = self._after_mark(results, topic_id)
        mark = self._marks[topic_id]
        if not fresh or mark is None or fresh[0].offset == mark.offset + 1:
            self._searched_from_start = False
            return fresh
        missing = f"raw offsets {mark.offset + 1} to {fresh[0].offset - 1} of raw topic {topic_id}"
        if not self._searched_from_start:
            self._searched_from_start = True
            log.error("partition %s: %s are not stored; reading the log again", self._partition, missing)
            return None
        log.error("partition %s: %s are LOST: events.processed no longer holds them", self._partition, missing)
        self._searched_from_start = False
        return fresh

    def _after_mark(self, results: Sequence[RawResult], topic_id: str) -> Sequence[RawResult]:
        mark = self._marks[topic_id]
        return results if mark is None else [result for result in results if result.offset > mark.offset]

    async def _append(self, block: Block) -> None:
        """Append a block and read back who won; after this the known mark is beyond the block's first offset."""
        before = self._marks[block.topic_id]
        known = before.offset if before else 0
        attempt = 0
        while True:
            await self._event_log.insert(block, block.token(attempt))
            after = await self._event_log.mark(block.topic_id, block.partition, at_least=known)
            if after != before:
                break
            # The call succeeded and nothing landed: the token was logged, but its part was never kept.
            attempt += 1
        if after is None or after.offset < block.first:
            raise Retry(f"the mark went back from {before} to {after}")
        if after != Mark(block.last, block.first):
            log.warning("partition %s: another sink stored up to %s", self._partition, after.offset)
        self._marks[block.topic_id] = after
