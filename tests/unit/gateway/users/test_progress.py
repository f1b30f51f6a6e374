from __future__ import annotations

import asyncio

import pytest

from sluice.gateway.users.progress import Progress


@pytest.fixture
def progress() -> Progress:
    return Progress()


async def waiting(progress: Progress, partition: int, offset: int) -> asyncio.Task[None]:
    task = asyncio.create_task(progress.passed(partition, offset))
    await asyncio.sleep(0)
    return task


async def settled(task: asyncio.Task[None]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_what_was_applied_has_passed(progress: Progress):
    progress.move({0: 5})
    await progress.passed(0, 4)


async def test_who_waits_is_woken_by_the_offset_and_not_before(progress: Progress):
    progress.move({0: 5})
    task = await waiting(progress, 0, 7)
    progress.move({0: 7})
    assert not await settled(task)
    progress.move({0: 8})
    assert await settled(task)


async def test_partitions_are_separate(progress: Progress):
    task = await waiting(progress, 0, 0)
    progress.move({1: 100})
    assert not await settled(task)
    progress.move({0: 1})
    assert await settled(task)


async def test_many_may_wait_for_the_same(progress: Progress):
    tasks = [await waiting(progress, 0, offset) for offset in (3, 1, 3, 2)]
    progress.move({0: 3})
    assert [await settled(task) for task in tasks] == [False, True, False, True]
    progress.move({0: 4})
    assert all([await settled(task) for task in tasks])


async def test_after_a_new_beginning_nothing_has_passed(progress: Progress):
    progress.move({0: 5})
    task = await waiting(progress, 0, 7)
    progress.begin_again()
    assert progress.next_offsets() == {}
    early = await waiting(progress, 0, 0)
    assert not await settled(early)
    progress.move({0: 1})
    assert await settled(early)
    assert not await settled(task)
    progress.move({0: 8})
    assert await settled(task)


async def test_who_gives_up_waiting_leaves_nothing_behind(progress: Progress):
    task = await waiting(progress, 0, 7)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not progress._waiting[0]
    progress.move({0: 8})
