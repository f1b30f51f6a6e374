"""Bringing a store up to the changelog: before its partition is taken over, or all the time on a standby."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sluice.contract.durations import MINUTE_MS
from sluice.contract.errors import Retry
from sluice.contract.topics import MIB
from sluice.kafka.reader import reading
from sluice.kafka.topic_ids import topic_id
from sluice.processors.changelog import Position, changes_of, why_start_over

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiokafka import AIOKafkaConsumer, TopicPartition

    from sluice.processors.state_rocksdb import RocksState
    from sluice.role.clock import Clock

log = logging.getLogger(__name__)

FETCH_BYTES = 4 * MIB
RECORDS_AT_ONCE = 5000
"""The event loop does nothing else while so many are applied."""

POLL_MS = 100
SILENT_POLLS = 300
"""So often may Kafka give nothing of what it has."""

NOTE_EVERY_MS = 10 * MINUTE_MS
"""So often does a store note that it is still complete."""


class Recovery:
    """Reads one partition of the changelog into its store."""

    def __init__(
        self, store: RocksState, changelog: TopicPartition, consumer: AIOKafkaConsumer, clock: Clock
    ) -> None:
        self._store = store
        self._changelog = changelog
        self._consumer = consumer
        self._clock = clock

    @property
    def topic_id(self) -> str:
        """Kafka's id of the changelog."""
        return self._position.topic_id

    async def begin(self, topic_id: str) -> None:
        """Go on where the store stands; one that would miss something is cleared and starts over."""
        begun_at = self._clock()
        start: int = (await self._consumer.beginning_offsets([self._changelog]))[self._changelog]
        held = range(start, await self._end())
        position = self._store.position
        if position is not None and (reason := why_start_over(position, topic_id, held, begun_at)):
            log.warning("the state of partition %s is read from the start: %s", self._changelog.partition, reason)
            self._store.clear()
            position = None
        self._position = position or Position(topic_id, held.start, begun_at)
        self._consumer.seek(self._changelog, self._position.next_offset)

    async def catch_up(self) -> None:
        """Return once the store holds everything that is committed on the changelog now.

        Raises `Retry` when Kafka goes away or does not give what it has, and when the disk fails.
        """
        asked_at, end = self._clock(), await self._end()
        silent_polls = 0
        while self._position.next_offset < end:
            batches = await self._consumer.getmany(self._changelog, timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE)
            records = batches.get(self._changelog, [])
            next_offset: int = await self._consumer.position(self._changelog)
            silent_polls = 0 if next_offset > self._position.next_offset else silent_polls + 1
            if silent_polls == SILENT_POLLS:
                raise Retry(f"Kafka does not give the changelog of partition {self._changelog.partition}")
            self._apply(records, next_offset, self._position.complete_at)
        if asked_at - self._position.complete_at >= NOTE_EVERY_MS:
            self._apply([], self._position.next_offset, asked_at)

    def _apply(self, records: Sequence[Any], next_offset: int, complete_at: int) -> None:
        if records and records[0].offset < self._position.next_offset:
            self._store.clear()
            raise Retry(f"the changelog of partition {self._changelog.partition} was cut off; reading it again")
        changes = changes_of(records)
        position = Position(self._position.topic_id, next_offset, complete_at)
        self._store.apply(changes.entries, changes.marker, position)
        self._position = position

    async def _end(self) -> int:
        end: int = (await self._consumer.end_offsets([self._changelog]))[self._changelog]
        return end


@asynccontextmanager
async def recovering(
    bootstrap: str, changelog: TopicPartition, store: RocksState, clock: Clock, request_timeout_ms: int
) -> AsyncIterator[Recovery]:
    """Connect a partition's changelog with its store. Raises `Retry` when Kafka goes away, also within the block."""
    changelog_id = await topic_id(bootstrap, changelog.topic)
    async with reading(bootstrap, changelog, request_timeout_ms, FETCH_BYTES) as consumer:
        recovery = Recovery(store, changelog, consumer, clock)
        await recovery.begin(changelog_id)
        yield recovery
