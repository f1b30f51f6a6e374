"""The partitions that this worker stands by for: other workers own them, and here somebody follows."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sluice.contract.errors import Retry
from sluice.role.fatal import ending_process_on_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

log = logging.getLogger(__name__)

AGAIN_S = 2.0


class Standby:
    """Runs `follow` for each partition that is stood by for, until it is no more.

    `follow` goes on until it is cancelled. Where it raises `Retry`, it is called again after a while.
    """

    def __init__(
        self,
        follow: Callable[[int], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._follow = follow
        self._sleep = sleep
        self._followers: dict[int, asyncio.Task[None]] = {}

    @property
    def partitions(self) -> Collection[int]:
        """Give the numbers of the partitions that are followed now."""
        return self._followers.keys()

    async def follow_only(self, partitions: Collection[int]) -> None:
        """Follow these partitions and no others; return when the others are followed no more."""
        leaving = [self._followers.pop(partition) for partition in self._followers.keys() - partitions]
        for follower in leaving:
            follower.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        for partition in partitions - self._followers.keys():
            self._followers[partition] = asyncio.create_task(self._keep_following(partition))

    async def _keep_following(self, partition: int) -> None:
        with ending_process_on_error(f"following partition {partition}"):
            while True:
                try:
                    await self._follow(partition)
                except Retry as error:
                    log.warning("standing by for partition %s: %s; trying again in %s s", partition, error, AGAIN_S)
                await self._sleep(AGAIN_S)
