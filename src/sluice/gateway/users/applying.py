"""Records on their way into the store: checked, gathered, and written a transaction at a time."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sluice.gateway.users.records import Foreign, change_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.users.log import Batch
    from sluice.gateway.users.store import KnownStore

log = logging.getLogger(__name__)

AT_ONCE = 200
"""So many changes take a millisecond, less than what a thread costs; more are left to one."""


class Applier:
    """Gathers the changes of records, of each key the latest, and applies them to a store."""

    def __init__(self, store: KnownStore) -> None:
        self._store = store
        self._changes: dict[bytes, bytes | None] = {}
        self._next_offsets: dict[int, int] = {}
        self._writer = ThreadPoolExecutor(1, "known-users")
        self.records_read = 0
        """All that were gathered since this process started."""
        self.foreign_records = 0
        """How many of them were none of ours, and were skipped."""

    @property
    def pending(self) -> int:
        """How many changes have been gathered and not applied."""
        return len(self._changes)

    def gather(self, batch: Batch) -> None:
        """Take records in."""
        skipped = ""
        for record in batch.records:
            try:
                key, value = change_of(record.key, record.value)
            except Foreign as why:
                self.foreign_records += 1
                skipped = f"partition {record.partition}, offset {record.offset}: {why}"
            else:
                self._changes[key] = value
        self._next_offsets.update(batch.next_offsets)
        self.records_read += len(batch.records)
        if skipped:
            log.error("skipped what is no known user, %d records by now; %s", self.foreign_records, skipped)

    async def apply(self) -> Mapping[int, int]:
        """Store what was gathered; give the next offsets of the partitions that it came from."""
        changes, next_offsets = self._changes, self._next_offsets
        self.drop()
        if len(changes) > AT_ONCE:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._writer, self._store.apply, changes, next_offsets)
        elif next_offsets:
            self._store.apply(changes, next_offsets)
        return next_offsets

    def drop(self) -> None:
        """Forget what was gathered."""
        self._changes, self._next_offsets = {}, {}

    async def checkpoint(self) -> None:
        """Let the store tidy up where it is time."""
        if self._store.wants_checkpoint:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._store.checkpoint)

    def close(self) -> None:
        """Wait for what is being written."""
        self._writer.shutdown()
