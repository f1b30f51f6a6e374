"""One owned partition: its lane, opened when needed, by a member of the group only, and one batch at a time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from sluice.contract.errors import Fenced, Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sluice.stream.lane import Lane, Progress, Record

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_FIRST_S = 0.2
RETRY_LONGEST_S = 10.0
MEMBER_AGAIN_S = 0.1


class Owned:
    """A partition from when it is assigned to when it is revoked.

    Lane and membership are as in `Assignment`. `open` and `process` raise `Retry` when a neighbour is away: the lane
    is opened again then. They raise `Fenced` when the partition was taken over though it had not been revoked.
    """

    def __init__(
        self, partition: int, lane: Lane, is_member: Callable[[], bool], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._partition = partition
        self._lane = lane
        self._is_member = is_member
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._open = False
        self._wait = RETRY_FIRST_S
        self._revoked = asyncio.Event()

    async def open(self) -> int | None:
        """Open the lane, if it is not; gives None as well when the partition was revoked meanwhile."""
        return await self._attempt(self._ensure_open)

    async def process(self, records: Sequence[Record]) -> Progress | None:
        """Handle records; None when the partition was revoked before they were."""

        async def handle() -> Progress:
            await self._ensure_open()
            return await self._lane.process(records)

        progress = await self._attempt(handle)
        self._wait = RETRY_FIRST_S
        return progress

    def back_off(self, error: Retry) -> float:
        """Give the seconds to wait after an attempt failed, twice as many each time until one succeeds."""
        wait, self._wait = self._wait, min(2 * self._wait, RETRY_LONGEST_S)
        log.warning("partition %s: %s; trying again in %.1f s", self._partition, error, wait)
        return wait

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

    async def _attempt(self, act: Callable[[], Awaitable[T]]) -> T | None:
        """Act as a member of the group, one at a time; None when the partition was revoked before.

        After a `Retry` the lane has to be opened again.
        """
        while True:
            await self._until_member()
            async with self._turn:
                if self._revoked.is_set():
                    return None
                if not self._is_member():
                    continue
                try:
                    return await act()
                except Fenced:
                    if self._revoked.is_set():
                        return None
                    raise
                except Retry:
                    self._open = False
                    raise

    async def _until_member(self) -> None:
        """Wait until this worker is known to own the partition, or to own it no more."""
        if self._is_member() or self._revoked.is_set():
            return
        log.warning("partition %s: no heartbeat within the session time-out; waiting for one", self._partition)
        while not (self._is_member() or self._revoked.is_set()):
            await self._sleep(MEMBER_AGAIN_S)
