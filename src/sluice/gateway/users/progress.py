"""How far each partition of a log has been applied, and who waits for it to come further."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Progress:
    """The next offset of each partition. All calls belong on one event loop."""

    def __init__(self) -> None:
        self._next_offsets: dict[int, int] = {}
        self._waiting: defaultdict[int, set[tuple[int, asyncio.Future[None]]]] = defaultdict(set)

    def next_offsets(self) -> dict[int, int]:
        """Give the next offset of each partition that has one."""
        return dict(self._next_offsets)

    def move(self, next_offsets: Mapping[int, int]) -> None:
        """Set the next offset of these partitions, and wake who waited for what is before it."""
        self._next_offsets.update(next_offsets)
        for partition, next_offset in next_offsets.items():
            for offset, passed in self._waiting[partition]:
                if offset < next_offset and not passed.done():
                    passed.set_result(None)

    def begin_again(self) -> None:
        """Forget all offsets; who waits goes on waiting."""
        self._next_offsets.clear()

    async def passed(self, partition: int, offset: int) -> None:
        """Return once the record at this offset has been applied."""
        if offset < self._next_offsets.get(partition, 0):
            return
        waiter = (offset, asyncio.get_running_loop().create_future())
        self._waiting[partition].add(waiter)
        try:
            await waiter[1]
        finally:
            self._waiting[partition].discard(waiter)
