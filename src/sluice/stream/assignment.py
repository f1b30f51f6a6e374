"""The partitions that this worker owns, each with its lane, through rebalances, retries and gaps."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from sluice.contract.errors import Fenced, Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from sluice.stream.lane import Lane, Progress, Record

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_FIRST_S = 0.2
RETRY_LONGEST_S = 10.0
MEMBER_AGAIN_S = 0.1
SEEK_AGAIN_S = 1.0
SEEKS = 10


class Delivery(Protocol):
    """A record that was handed over, and what acknowledges it."""

    @property
    def record(self) -> Record:
        """Give the record."""
        ...

    def ack(self) -> None:
        """Say that this record need not be handed over again, nor any before it."""
        ...


class Consumer(Protocol):
    """What an assignment has to do with the consumer that delivers to it."""

    async def seek(self, partition: int, offset: int) -> None:
        """Have a partition delivered from this offset on."""
        ...

    def pause(self, partition: int) -> None:
        """Fetch nothing of a partition until it is resumed or assigned anew; what was fetched may still come."""
        ...

    def resume(self, partition: int) -> None:
        """Fetch of a partition again."""
        ...


class Assignment:
    """Owns partitions from `assign` to `revoke`, and has their lanes handle what is delivered in between.

    Lanes do nothing while `is_member` says that this worker may have lost its partitions without having heard of it.
    Not thread-safe: all methods run in one event loop.
    """

    def __init__(
        self,
        make_lane: Callable[[int], Lane],
        consumer: Consumer,
        is_member: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._make_lane = make_lane
        self._consumer = consumer
        self._is_member = is_member
        self._sleep = sleep
        self._owned: dict[int, _Owned] = {}
        self._sought: dict[int, _Sought] = {}
        self._watches: set[asyncio.Task[None]] = set()

    @property
    def partitions(self) -> Collection[int]:
        """Give the numbers of the partitions owned now."""
        return self._owned.keys()

    async def assign(self, partitions: Iterable[int]) -> dict[int, int]:
        """Own these partitions too; open them side by side, however long the neighbours take.

        Gives, for those lanes that know it, the offset that has to come next.
        """
        new = [partition for partition in partitions if partition not in self._owned]
        for partition in new:
            self._owned[partition] = _Owned(partition, self._make_lane(partition), self._is_member, self._sleep)
        opening = {partition: self._owned[partition].open() for partition in new}
        offsets = await asyncio.gather(*opening.values())
        return {partition: offset for partition, offset in zip(opening, offsets, strict=True) if offset is not None}

    async def revoke(self, partitions: Iterable[int]) -> None:
        """Own these partitions no more: finish the batch in hand, drop what else was delivered."""
        leaving = []
        for partition in partitions:
            self._sought.pop(partition, None)
            if owned := self._owned.pop(partition, None):
                leaving.append(owned)
        await asyncio.gather(*(owned.close() for owned in leaving))

    async def process(self, deliveries: Sequence[Delivery]) -> None:
        """Handle what was delivered, partitions side by side, and acknowledge it in the order of its offsets.

        After a seek or a rebalance a record may come twice, or after later ones: lanes see each once and in order.
        What belongs to a partition that is not owned is dropped: its owner gets it. While a neighbour is away this
        waits, for ever if need be. Raises `Fenced` when a partition that is still owned was taken over.
        """
        by_partition: dict[int, dict[int, Delivery]] = defaultdict(dict)
        for delivery in deliveries:
            by_partition[delivery.record.partition][delivery.record.offset] = delivery
        await asyncio.gather(
            *(
                self._process(partition, [by_offset[offset] for offset in sorted(by_offset)])
                for partition, by_offset in by_partition.items()
            )
        )

    async def _process(self, partition: int, deliveries: Sequence[Delivery]) -> None:
        owned = self._owned.get(partition)
        if owned is None:
            return
        sought = self._sought.get(partition)
        if sought is not None and (sought.paused or deliveries[0].record.offset > sought.offset):
            if sought.paused:  # Faust forgets the pause where it had stopped fetching for a full buffer
                self._consumer.pause(partition)
            return  # fetched before the seek
        self._sought.pop(partition, None)
        progress = await owned.process([delivery.record for delivery in deliveries])
        if progress is None:
            return
        for delivery in deliveries[: progress.done]:
            delivery.ack()
        if progress.seek_to is not None and self._owned.get(partition) is owned:
            sought = self._sought[partition] = _Sought(progress.seek_to, paused=progress.pause_s > 0)
            if sought.paused:
                self._consumer.pause(partition)
            else:
                log.warning("partition %s: records are missing; seeking to %s", partition, sought.offset)
                await self._consumer.seek(partition, sought.offset)
            watch = asyncio.create_task(self._seek_until_it_holds(partition, owned, sought, progress.pause_s))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)

    async def _seek_until_it_holds(self, partition: int, owned: _Owned, sought: _Sought, pause_s: float) -> None:
        """Seek, after a pause where one was asked for, and again while the wanted record has not come.

        Faust goes on with what it has fetched before the seek, and then takes what it reads again for old. Where the
        record never comes, because retention has removed it, the lane is opened again and looks for itself.
        """
        if sought.paused:
            await self._sleep(pause_s)
            if self._sought.get(partition) is not sought:
                return
            sought.paused = False
            self._consumer.resume(partition)
            await self._consumer.seek(partition, sought.offset)
        for _ in range(SEEKS):
            await self._sleep(SEEK_AGAIN_S)
            if self._sought.get(partition) is not sought:
                return
            await self._consumer.seek(partition, sought.offset)
        log.error("partition %s: offset %s does not come; starting over", partition, sought.offset)
        self._sought.pop(partition)
        owned.reopen()


@dataclass
class _Sought:
    """The offset that has to come next on a partition, and whether nothing is to be handled until a pause is over."""

    offset: int
    paused: bool


class _Owned:
    """One owned partition: its lane, opened when needed, and one batch at a time."""

    def __init__(
        self, partition: int, lane: Lane, is_member: Callable[[], bool], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._partition = partition
        self._lane = lane
        self._is_member = is_member
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._open = False
        self._revoked = asyncio.Event()

    async def open(self) -> int | None:
        """Open the lane; gives None as well when the partition was revoked meanwhile."""
        return await self._retrying(self._ensure_open)

    async def process(self, records: Sequence[Record]) -> Progress | None:
        """Handle records; None when the partition was revoked before they were."""

        async def attempt() -> Progress:
            await self._ensure_open()
            return await self._lane.process(records)

        return await self._retrying(attempt)

    def reopen(self) -> None:
        """Open the lane anew before the next records."""
        self._open = False

    async def close(self) -> None:
        """Finish what is in hand and give the partition up."""
        self._revoked.set()
        async with self._turn:
            await self._lane.close()

    async def _ensure_open(self) -> int | None:
        if self._open:
            return None
        next_offset = await self._lane.open()
        self._open = True
        return next_offset

    async def _retrying(self, attempt: Callable[[], Awaitable[T]]) -> T | None:
        wait = RETRY_FIRST_S
        while True:
            await self._until_member()
            async with self._turn:
                if self._revoked.is_set():
                    return None
                if not self._is_member():
                    continue
                try:
                    return await attempt()
                except Fenced:
                    if self._revoked.is_set():
                        return None
                    raise
                except Retry as error:
                    self._open = False
                    log.warning("partition %s: %s; trying again in %.1f s", self._partition, error, wait)
            await self._sleep(wait)
            wait = min(2 * wait, RETRY_LONGEST_S)

    async def _until_member(self) -> None:
        """Wait until this worker is known to own the partition, or to own it no more."""
        if self._is_member() or self._revoked.is_set():
            return
        log.warning("partition %s: no heartbeat within the session time-out; waiting for one", self._partition)
        while not (self._is_member() or self._revoked.is_set()):
            await self._sleep(MEMBER_AGAIN_S)
