"""A role of a run is kept running, and says truly whether a fault has struck it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest
from tests.chaos.role import KILLED, Role

from sluice.local.up.child import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

DEADLINE_S = 30.0
SERVES = """
import os, socket, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
time.sleep(1000)
"""
ENDS = "raise SystemExit(70)"


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture
async def role_of(guard: Guard, tmp_path: Path) -> AsyncIterator[Callable[[str], Role]]:
    """Make a role that runs a program, and end it after the test."""
    roles = []
    with tempfile.TemporaryDirectory(prefix="sluice-") as short:

        def make(program: str) -> Role:
            role = Role("role", (sys.executable, "-c", program), {}, tmp_path, f"{short}/n", guard)
            roles.append(role)
            return role

        yield make
        for role in roles:
            await role.stop()
            role.close()


@pytest.fixture
async def serving(role_of: Callable[[str], Role]) -> Role:
    role = role_of(SERVES)
    role.start()
    assert await role.ready(DEADLINE_S)
    return role


async def test_a_role_that_was_killed_is_started_again(serving: Role):
    assert await serving.kill(down_s=0)
    assert serving.ends == [KILLED]
    assert await serving.ready(DEADLINE_S)


async def test_a_role_that_ends_itself_is_started_again_and_its_exit_codes_are_kept(role_of: Callable[[str], Role]):
    role = role_of(ENDS)
    role.start()
    async with asyncio.timeout(DEADLINE_S):
        await role.has_ended(2)
    assert role.ends[:2] == [70, 70]


async def test_a_role_that_does_not_run_cannot_be_struck(role_of: Callable[[str], Role]):
    role = role_of(SERVES)
    assert not await role.kill(down_s=0)
    assert not await role.pause(for_s=0)
    assert not role.kill_now()
    assert not role.runs


async def test_a_paused_role_stands_still_and_goes_on(serving: Role):
    assert await serving.pause(for_s=0.2)
    assert serving.ends == []
    assert serving.kill_now()


async def test_a_role_that_is_killed_while_it_is_paused_was_not_paused_for_all_that_time(serving: Role):
    pausing = asyncio.create_task(serving.pause(for_s=0.2))
    await asyncio.sleep(0)
    serving.kill_now()
    async with asyncio.timeout(DEADLINE_S):
        await serving.has_ended(1)
    assert not await pausing


@pytest.mark.parametrize("kill", [False, True])
async def test_a_role_that_was_stopped_is_not_started_again_until_it_is_asked_to(serving: Role, kill: bool):
    await serving.stop(kill=kill)
    assert not serving.runs
    assert len(serving.ends) == 1
    assert not serving.kill_now()
    serving.start()
    assert await serving.ready(DEADLINE_S)


async def test_a_role_that_is_not_ready_in_time_is_said_to_be_so(role_of: Callable[[str], Role]):
    role = role_of(ENDS)
    role.start()
    assert not await role.ready(0.1)
