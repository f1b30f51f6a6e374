"""One owned partition of `events.processed`: its results reach the event log exactly once.

The table is the ledger. What is at or below its mark is stored already. What comes next is appended with a token that
is bound to where the block starts, so that of two sinks only one lands. ClickHouse drops the loser without a word, so
the mark is read back after each insert, and decides.

Whoever has read a mark feeds its block to the roll-ups before anything else: so only the last block of a partition
can be missing there, for as long as nobody owns it. See docs/decisions/0006-ledger.md.
"""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from sluice.contract.errors import Reject, Retry
from sluice.sinks.block import BLOCK_BYTES, Block, cut, read
from sluice.sinks.event_log import TOKENS, Mark
from sluice.sinks.isolation import without_refused
from sluice.stream.lane import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.sinks.block import RawResult
    from sluice.sinks.event_log import EventLog
    from sluice.stream.lane import RawLog, Record

log = logging.getLogger(__name__)


PAUSE_S = 10.0
"""How long a partition that cannot go on waits before it tries again."""

NEAR = 10_000
"""So many raw records before where it may be the mark is looked for first; each next time 100 times as many."""


class ProcessedLog(Protocol):
    """What a lane has to know of `events.processed` beside the records it is handed."""

    async def find(self, partition: int, topic_id: str, source_offset: int, before: int) -> int | None:
        """Give the offset of the record that holds a raw record's results; None if the log does not hold them.

        `before` is the offset of a record of the same raw topic, to look before. Raises `Retry` while Kafka is away.
        """
        ...


class SinkLane:
    """Stores what the processors decided of one partition."""

    def __init__(self, partition: int, event_log: EventLog, processed_log: ProcessedLog, raw_log: RawLog) -> None:
        self._partition = partition
        self._event_log = event_log
        self._processed_log = processed_log
        self._raw_log = raw_log
        self._marks: dict[str, Mark | None] = {}
        self._next: dict[str, int] = {}
        self._fed: dict[str, Mark] = {}
        self._is_paused = False

    async def open(self) -> None:
        """Forget what was known of the table, since another may have written to it, and read its mark."""
        self._marks.clear()
        self._next.clear()
        await self._event_log.check()
        why = await self._why_pause()
        self._is_paused = bool(why)
        if why:
            log.error(
                "partition %s is paused: %s. What was decided of it is kept, and waits. Trying again in %g s",
                self._partition, why, PAUSE_S,
            )  # fmt: skip

    async def close(self) -> None:
        """Nothing is held."""

    async def process(self, records: Sequence[Record]) -> Progress:
        """Append what the table does not hold yet, block by block, as far as no raw record is missing."""
        if self._is_paused:
            await self.open()
        if self._is_paused:
            return Progress(0, seek_to=records[0].offset, pause_s=PAUSE_S)
        pending: list[RawResult] = []
        pending_bytes = 0
        for position, record in enumerate(records):
            for result in read(record.value):
                await self._learn_mark(result.topic_id, result.offset)
                if self._is_stored(result):
                    continue
                if self._is_after_gap(result):
                    found_at = await self._find_missing(result, record)
                    if found_at is not None:
                        await self._store(pending)
                        return Progress(position, found_at)
                pending.append(result)
                pending_bytes += result.size
                self._next[result.topic_id] = result.offset + 1
            if pending_bytes > BLOCK_BYTES:
                await self._store(pending)
                pending, pending_bytes = [], 0
        await self._store(pending)
        return Progress(len(records))

    async def _why_pause(self) -> str:
        """Tell what is wrong where the mark lies beyond the raw log's end; empty where it does not."""
        topic_id = await self._raw_log.topic_id()
        mark = await self._learn_mark(topic_id, await self._end_of_raw_log())
        if mark is None:
            return ""
        end = await self._end_of_raw_log()  # again: it may have grown, and the mark with it
        if mark.offset < end:
            return ""
        return (
            f"event_log holds it up to raw offset {mark.offset} of raw topic {topic_id}, but its raw log ends at "
            f"{end - 1}: what is written there now would be taken for stored; restore events.raw, or make it anew"
        )

    async def _end_of_raw_log(self) -> int:
        return (await self._raw_log.range_of(self._partition)).stop

    async def _learn_mark(self, topic_id: str, near: int) -> Mark | None:
        if topic_id not in self._marks:
            mark = await self._look_for_mark(topic_id, near)
            if mark is not None:
                await self._feed(topic_id, mark)
                self._next[topic_id] = mark.offset + 1
            self._marks[topic_id] = mark
        return self._marks[topic_id]

    async def _look_for_mark(self, topic_id: str, near: int) -> Mark | None:
        """Ask for the mark from shortly before a source offset on, then from farther back: the table is large."""
        back = NEAR
        while True:
            at_least = max(near - back, 0)
            mark = await self._event_log.mark(topic_id, self._partition, at_least)
            if mark is not None or not at_least:
                return mark
            back *= 100

    def _is_stored(self, result: RawResult) -> bool:
        return result.offset < self._next.get(result.topic_id, 0)

    def _is_after_gap(self, result: RawResult) -> bool:
        return result.offset > self._next.get(result.topic_id, result.offset)

    async def _find_missing(self, result: RawResult, record: Record) -> int | None:
        """Tell where the log holds what is missing before a result; None if nowhere, so that work goes on."""
        next_offset = self._next[result.topic_id]
        missing = f"raw offsets {next_offset} to {result.offset - 1} of raw topic {result.topic_id}"
        found_at = await self._processed_log.find(self._partition, result.topic_id, next_offset, record.offset)
        if found_at is None:
            log.error("partition %s: %s are LOST: events.processed does not hold them", self._partition, missing)
        else:
            log.warning("partition %s: %s are not stored yet", self._partition, missing)
        return found_at

    async def _store(self, pending: Sequence[RawResult]) -> None:
        for topic_id, group in groupby(pending, key=lambda result: result.topic_id):
            fresh = list(group)
            while fresh:
                mark = await self._append(next(cut(fresh)))
                fresh = [result for result in fresh if result.offset > mark.offset]
                self._next[topic_id] = max(self._next[topic_id], mark.offset + 1)

    async def _append(self, block: Block) -> Mark:
        """Append a block and read back who won: the mark, which is now at or beyond the block's first offset."""
        before = self._marks[block.topic_id]
        if before is None:
            log.warning("partition %s: a new ledger starts for raw topic %s", self._partition, block.topic_id)
        after = await self._insert_until_the_mark_moves(block, before)
        if after is None or after.offset < block.first:
            raise Retry(f"the mark went back from {before} to {after}")
        if after != Mark(block.last, block.first):
            log.warning("partition %s: another sink stored up to %s", self._partition, after.offset)
        await self._feed(block.topic_id, after)
        self._marks[block.topic_id] = after
        return after

    async def _feed(self, topic_id: str, mark: Mark) -> None:
        """Feed a mark's block; while this partition rests, the roll-ups are not asked about it again."""
        if self._fed.get(topic_id) != mark:
            await self._event_log.feed(topic_id, self._partition, mark)
            self._fed[topic_id] = mark

    async def _insert_until_the_mark_moves(self, block: Block, before: Mark | None) -> Mark | None:
        known = before.offset if before else 0
        for attempt in range(TOKENS):
            await self._insert(block, block.token(attempt))
            after = await self._event_log.mark(block.topic_id, block.partition, at_least=known)
            if after != before:
                return after
            # The call succeeded and nothing landed: the token was logged, but its part was never kept.
        raise Retry(f"ClickHouse says that it took a block from raw offset {block.first} on, and does not have it")

    async def _insert(self, block: Block, token: str) -> None:
        try:
            await self._event_log.insert(block, token)
        except Reject as error:
            log.warning("partition %s: ClickHouse refuses a block (%s); trying its rows", self._partition, error)
            mended = await without_refused(block, self._event_log)
            try:
                await self._event_log.insert(mended, token)
            except Reject as again:
                raise Retry(f"ClickHouse refuses a block whose rows it takes: {again}") from again
