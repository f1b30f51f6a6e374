"""The partitions that this worker owns, each with its lane, through rebalances, retries and gaps."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sluice.contract.errors import Retry
from sluice.role.fatal import ending_process_on_error
from sluice.stream.lane import Progress
from sluice.stream.owned import Owned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
    from contextlib import AbstractContextManager

    from sluice.stream.lane import Lane, Record

log = logging.getLogger(__name__)

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

    A partition whose lane asks to `Retry` rests, longer each time: nothing of it is fetched, and what still comes is
    turned away, to be sought again. So it neither holds the others up nor takes up memory.

    Lanes do nothing while `is_member` says that this worker may have lost its partitions without having heard of it.
    Not thread-safe: all methods run in one event loop.
    """

    def __init__(
        self,
        make_lane: Callable[[int], Lane],
        consumer: Consumer,
        is_member: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        guard: Callable[[str], AbstractContextManager[None]] = ending_process_on_error,
    ) -> None:
        """`guard` stands around what goes on in the background, and takes a few words for it: nobody else sees it."""
        self._make_lane = make_lane
        self._consumer = consumer
        self._is_member = is_member
        self._sleep = sleep
        self._guard = guard
        self._owned: dict[int, Owned] = {}
        self._sought: dict[int, _Sought] = {}
        self._background: set[asyncio.Task[None]] = set()

    @property
    def partitions(self) -> Collection[int]:
        """Give the numbers of the partitions owned now."""
        return self._owned.keys()

    async def assign(self, partitions: Iterable[int]) -> dict[int, int]:
        """Own these partitions too; open them side by side. Those that ask to `Retry` are opened later.

        Gives, for those lanes that were opened and know it, the offset that has to come next.
        """
        new = [partition for partition in partitions if partition not in self._owned]
        for partition in new:
            self._owned[partition] = Owned(partition, self._make_lane(partition), self._is_member, self._sleep)
            self._sought[partition] = _Sought(None, rests=True)
        offsets = await asyncio.gather(*(self._open(partition) for partition in new))
        return {partition: offset for partition, offset in zip(new, offsets, strict=True) if offset is not None}

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
        What belongs to a partition that is not owned is dropped: its owner gets it. What belongs to one that rests is
        sought again. Raises `Fenced` when a partition that is still owned was taken over.
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

    async def _open(self, partition: int) -> int | None:
        owned, sought = self._owned[partition], self._sought[partition]
        pause_s = 0.0
        try:
            next_offset = await owned.open()
        except Retry as error:
            pause_s = owned.back_off(error)
        else:
            if self._sought.get(partition) is not sought:
                return None
            if sought.offset is None:
                del self._sought[partition]
                return next_offset
            sought.reach_back(next_offset)
        self._go_on(partition, lambda: self._rest(partition, owned, sought, pause_s))
        return None

    async def _process(self, partition: int, deliveries: Sequence[Delivery]) -> None:
        owned = self._owned.get(partition)
        if owned is None:
            return
        first = deliveries[0].record.offset
        sought = self._sought.get(partition)
        if sought is not None and sought.rests:
            sought.reach_back(first)
            self._consumer.pause(partition)  # again: Faust forgets it where it had stopped fetching for a full buffer
            return
        if sought is not None and sought.offset is not None and first > sought.offset:
            return  # fetched before the seek
        self._sought.pop(partition, None)
        try:
            progress = await owned.process([delivery.record for delivery in deliveries])
        except Retry as error:
            progress = Progress(0, seek_to=first, pause_s=owned.back_off(error))
        if progress is None:
            return
        for delivery in deliveries[: progress.done]:
            delivery.ack()
        if progress.seek_to is not None and self._owned.get(partition) is owned:
            wanted = self._sought[partition] = _Sought(progress.seek_to, rests=progress.pause_s > 0)
            if wanted.rests:
                self._consumer.pause(partition)
                self._go_on(partition, lambda: self._rest(partition, owned, wanted, progress.pause_s))
            else:
                log.warning("partition %s: records are missing; seeking to %s", partition, progress.seek_to)
                await self._seek(partition, progress.seek_to)
                self._go_on(partition, lambda: self._seek_until_it_holds(partition, owned, wanted))

    def _go_on(self, partition: int, work: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            with self._guard(f"going on with partition {partition}"):
                await work()

        task = asyncio.create_task(guarded())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _rest(self, partition: int, owned: Owned, sought: _Sought, pause_s: float) -> None:
        """Leave a partition alone for a while, open its lane where need be, and have it delivered again."""
        while sought.rests:
            await self._sleep(pause_s)
            try:
                next_offset = await owned.open()
            except Retry as error:
                pause_s = owned.back_off(error)
            else:
                sought.rests = False
        if self._sought.get(partition) is not sought:
            return
        if sought.offset is None:  # nothing has come yet
            del self._sought[partition]
            return
        sought.reach_back(next_offset)
        self._consumer.resume(partition)
        await self._seek(partition, sought.offset)
        await self._seek_until_it_holds(partition, owned, sought)

    async def _seek_until_it_holds(self, partition: int, owned: Owned, sought: _Sought) -> None:
        """Seek again while the wanted record has not come.

        Faust goes on with what it has fetched before the seek, and then takes what it reads again for old. Where the
        record never comes, because retention has removed it, the lane is opened again and looks for itself.
        """
        for _ in range(SEEKS):
            await self._sleep(SEEK_AGAIN_S)
            if self._sought.get(partition) is not sought or sought.offset is None:
                return
            await self._seek(partition, sought.offset)
        log.error("partition %s: offset %s does not come; starting over", partition, sought.offset)
        self._sought.pop(partition)
        owned.reopen()

    async def _seek(self, partition: int, offset: int) -> None:
        """Seek; where the consumer refuses, as it may during a rebalance, whoever seeks again has more luck."""
        try:
            await self._consumer.seek(partition, offset)
        except Exception:
            log.warning("partition %s cannot be sought to offset %s now", partition, offset, exc_info=True)


@dataclass
class _Sought:
    """The offset that has to come next on a partition, None if that is whichever comes; and whether it rests now."""

    offset: int | None
    rests: bool

    def reach_back(self, offset: int | None) -> None:
        """Take this offset in, too."""
        if offset is not None and (self.offset is None or offset < self.offset):
            self.offset = offset
