"""Standing by: each partition is followed once, until it is no more, through what goes away meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Retry
from sluice.stream.standby import AGAIN_S, Standby

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Followers:
    """What is followed, by how many at once, and what went wrong."""

    def __init__(self) -> None:
        self.running: list[int] = []
        self.begun: list[int] = []
        self.failures: list[Exception] = []
        self.waits: list[float] = []
        self.ending = asyncio.Event()
        self.ending.set()

    async def follow(self, partition: int) -> None:
        self.begun.append(partition)
        if self.failures:
            raise self.failures.pop(0)
        self.running.append(partition)
        try:
            await asyncio.Event().wait()
        finally:
            await self.ending.wait()
            self.running.remove(partition)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def followers() -> Followers:
    return Followers()


@pytest.fixture
async def standby(followers: Followers) -> AsyncIterator[Standby]:
    standby = Standby(followers.follow, followers.sleep)
    yield standby
    await standby.follow_only(set())


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_partitions_are_followed_and_left(followers: Followers, standby: Standby):
    await standby.follow_only({1, 2})
    await turns()
    assert sorted(followers.running) == sorted(standby.partitions) == [1, 2]
    await standby.follow_only({2, 3})
    await turns()
    assert sorted(followers.running) == sorted(standby.partitions) == [2, 3]
    await standby.follow_only(set())
    assert (followers.running, list(standby.partitions)) == ([], [])


async def test_one_that_stays_is_not_begun_again(followers: Followers, standby: Standby):
    await standby.follow_only({1})
    await turns()
    await standby.follow_only({1, 2})
    await turns()
    assert followers.begun == [1, 2]


async def test_leaving_waits_until_nothing_is_followed_any_more(followers: Followers, standby: Standby):
    await standby.follow_only({1})
    await turns()
    followers.ending.clear()
    leaving = asyncio.create_task(standby.follow_only(set()))
    await turns()
    assert not leaving.done()
    followers.ending.set()
    await leaving
    assert followers.running == []


async def test_a_partition_that_was_left_may_be_followed_again(followers: Followers, standby: Standby):
    for partitions in ({1}, set[int](), {1}):
        await standby.follow_only(partitions)
        await turns()
    assert followers.running == [1]


async def test_while_a_neighbour_is_away_following_is_tried_again(followers: Followers, standby: Standby):
    followers.failures = [Retry("Kafka is away"), Retry("still")]
    await standby.follow_only({1})
    await turns()
    assert (followers.running, followers.waits) == ([1], [AGAIN_S, AGAIN_S])


async def test_a_partition_can_be_left_before_its_follower_has_begun(followers: Followers, standby: Standby):
    await standby.follow_only({1})
    await standby.follow_only(set())
    await turns()
    assert followers.begun == []
