"""Gathering: batches end by count, by bytes or by age, and grow while the one before is handled."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from sluice.stream.gathering import Bound, Gathering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NEVER_S = 3600.0
AT_ONCE_S = 0.0


def gathering(items: int = 1000, size: int = 1000, wait_s: float = NEVER_S) -> Gathering[int]:
    return Gathering(Bound(items, size, wait_s))


async def put(batch: Gathering[int], *numbers: int, size: int = 1) -> None:
    for number in numbers:
        await batch.put(number, size)


@asynccontextmanager
async def waiting(batch: Gathering[int], number: int) -> AsyncIterator[asyncio.Task[None]]:
    """Put a number, which has to wait, and have it taken in before the block ends."""
    task = asyncio.create_task(put(batch, number))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()
    yield task
    await task


@pytest.mark.parametrize(("size", "items"), [(1, 3), (400, 3), (500, 2), (1000, 1), (1001, 1)])
async def test_a_batch_is_complete_with_so_many_items_or_so_many_bytes(size: int, items: int):
    batch = gathering(items=3)
    await put(batch, *range(items), size=size)
    assert await batch.take() == list(range(items))


@pytest.mark.parametrize(("items", "size"), [(2, 1), (1, 999)])
async def test_a_batch_with_less_waits_for_more(items: int, size: int):
    batch = gathering(items=3)
    await put(batch, *range(items), size=size)
    taking = asyncio.create_task(batch.take())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not taking.done()
    await put(batch, *range(items, 3))
    assert (await taking)[: items + 1] == list(range(items + 1))


async def test_a_batch_after_a_full_one_waits_for_more_too():
    batch = gathering(items=2)
    await put(batch, 1, 2)
    await batch.take()
    await put(batch, 3)
    taking = asyncio.create_task(batch.take())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not taking.done()
    await put(batch, 4)
    assert await taking == [3, 4]


async def test_a_batch_whose_first_item_has_waited_long_enough_is_complete():
    batch = gathering(wait_s=AT_ONCE_S)
    await put(batch, 1, 2)
    assert await batch.take() == [1, 2]


async def test_an_empty_batch_is_never_complete():
    batch = gathering(wait_s=AT_ONCE_S)
    taking = asyncio.create_task(batch.take())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not taking.done()
    await put(batch, 1)
    assert await taking == [1]


async def test_who_brings_more_waits_while_a_batch_is_full_and_is_in_the_next_one():
    batch = gathering(items=2)
    await put(batch, 1, 2)
    async with waiting(batch, 3):
        assert await batch.take() == [1, 2]
    await put(batch, 4)
    assert await batch.take() == [3, 4]


async def test_bytes_are_counted_anew_in_each_batch():
    batch = gathering(size=10)
    await put(batch, 1, size=10)
    await batch.take()
    await put(batch, 2, 3, size=5)
    assert await batch.take() == [2, 3]


async def test_what_comes_while_a_batch_is_handled_makes_the_next_one():
    batch = gathering(items=2)
    await put(batch, 1, 2)
    await batch.take()
    await put(batch, 3)
    async with asyncio.timeout(NEVER_S):
        await put(batch, 4)
    assert await batch.take() == [3, 4]
