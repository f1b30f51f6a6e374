"""Waiting a few milliseconds for company, so that Kafka sees few large records instead of many small ones."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract.errors import Retry, SluiceError
from sluice.contract.topics import MIB
from sluice.gateway.batching import Batcher, Line, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.gateway.publishing.port import Publisher

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiter:
    """One request: how many of its lines are not yet acknowledged, and what it awaits."""

    lines: int
    durable: asyncio.Future[None]


class Coalescer:
    """Collects the lines of all requests and publishes them as records.

    `max_pending_bytes` bounds what waits for the broker, so that a slow one costs answers, not the process.
    """

    def __init__(
        self,
        publisher: Publisher,
        partitions: int,
        *,
        linger_ms: float = 5,
        max_pending_bytes: int = 256 * MIB,
    ) -> None:
        self._publisher = publisher
        self._batcher: Batcher[_Waiter] = Batcher(partitions)
        self._linger_s = linger_ms / 1000
        self._max_pending_bytes = max_pending_bytes
        self._pending_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._publishing: set[asyncio.Task[None]] = set()

    async def submit(self, lines: Sequence[Line]) -> None:
        """Return once every record that holds one of these lines is durable.

        Raises `Retry` when one of them is not, or when too much is waiting already. Cancelling the caller does not
        take its lines back.
        """
        if not lines:
            return
        size = sum(len(line.text) + 1 for line in lines)
        if self._pending_bytes and self._pending_bytes + size > self._max_pending_bytes:
            raise Retry("Too many events are waiting for Kafka")
        self._pending_bytes += size
        waiter = _Waiter(len(lines), asyncio.get_running_loop().create_future())
        waiter.durable.add_done_callback(_retrieve)
        for record in self._batcher.add(lines, waiter):
            self._publish(record)
        if self._timer is None and not self._batcher.empty:
            self._timer = asyncio.get_running_loop().call_later(self._linger_s, self.flush)
        await waiter.durable

    def flush(self) -> None:
        """Publish everything that is pending, without waiting for the linger time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for record in self._batcher.flush():
            self._publish(record)

    async def close(self) -> None:
        """Publish everything that is pending and wait until it is acknowledged, or is not."""
        self.flush()
        while self._publishing:
            await asyncio.wait(self._publishing)

    def _publish(self, record: Record[_Waiter]) -> None:
        task = asyncio.create_task(self._deliver(record))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _deliver(self, record: Record[_Waiter]) -> None:
        try:
            await self._publisher.publish(record.partition, record.value())
        except Exception as error:
            if not isinstance(error, SluiceError):
                log.exception("could not publish a record of %d bytes", record.size_bytes)
            for waiter, _ in record.owners:
                if not waiter.durable.done():
                    waiter.durable.set_exception(error)
        else:
            for waiter, lines in record.owners:
                waiter.lines -= lines
                if not waiter.lines and not waiter.durable.done():
                    waiter.durable.set_result(None)
        finally:
            self._pending_bytes -= record.size_bytes


def _retrieve(durable: asyncio.Future[None]) -> None:
    """Look at a failure that nobody may await any more, so that asyncio does not complain about it."""
    if not durable.cancelled():
        durable.exception()
