"""Gathering what comes one by one into batches, bounded by count, bytes and age."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Bound:
    """When a batch is complete: it holds so many items, or so many bytes, or its first item has waited so long."""

    items: int
    size: int
    wait_s: float


class Gathering(Generic[T]):
    """One batch that grows while the one before it is handled; whoever brings more waits once it is full.

    For one task that puts and one that takes, in one event loop.
    """

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._items: list[T] = []
        self._size = 0
        self._due = 0.0
        self._begun = asyncio.Event()
        self._full = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def put(self, item: T, size: int) -> None:
        """Add an item of so many bytes; wait while the batch is full. An item over the bound is taken, too."""
        await self._has_room.wait()
        if not self._items:
            self._due = asyncio.get_running_loop().time() + self._bound.wait_s
            self._begun.set()
        self._items.append(item)
        self._size += size
        if len(self._items) >= self._bound.items or self._size >= self._bound.size:
            self._full.set()
            self._has_room.clear()

    async def take(self) -> list[T]:
        """Give the items, at least one, once the batch is complete."""
        await self._begun.wait()
        try:
            async with asyncio.timeout_at(self._due):
                await self._full.wait()
        except TimeoutError:
            pass
        items, self._items, self._size = self._items, [], 0
        self._begun.clear()
        self._full.clear()
        self._has_room.set()
        return items
