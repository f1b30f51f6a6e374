"""Waiting for sinks that were stopped a moment ago."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sluice.cli.rebuilding import deployment
from sluice.cli.rebuilding.deployment import wait_until_gone

if TYPE_CHECKING:
    from collections.abc import Sequence


class Group:
    """A group whose last member leaves once it was asked for so many times."""

    def __init__(self, leaves_after: int) -> None:
        self._left = leaves_after
        self.asked = 0

    async def members(self) -> Sequence[str]:
        self.asked += 1
        return ["host"] if self.asked <= self._left else []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "POLL_S", 0.001)


async def test_a_group_is_waited_for_until_it_has_no_members():
    group = Group(leaves_after=2)
    await asyncio.wait_for(wait_until_gone(group.members, 60), 30)
    assert group.asked == 3


async def test_a_group_that_keeps_its_members_is_waited_for_no_longer():
    await asyncio.wait_for(wait_until_gone(Group(leaves_after=10**9).members, 0.02), 30)


async def test_without_patience_a_group_is_not_waited_for():
    group = Group(leaves_after=1)
    await wait_until_gone(group.members, 0)
    assert group.asked == 1
