"""How each fault is injected, and how it is known to have struck."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.chaos.deployment import PARTITIONS, SECOND
from tests.chaos.faults import TABLES, Act, Cut, Step
from tests.chaos.http_message import MARK
from tests.chaos.proxy import Trap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.chaos.deployment import Deployment
    from tests.chaos.plan import Planned
    from tests.chaos.role import Role

STRIKES_WITHIN_S = 60.0
"""So long an armed step or a trap waits for a worker to come by, which may be one that has yet to start."""
JOINS_WITHIN_S = 60.0
OWNS_SOME = re.compile(rb"owning partitions \[\d")
OWNS_ALL = re.compile(rb"owning partitions \[%s\]" % b", ".join(b"%d" % number for number in range(PARTITIONS)))
CUTS = 3
"""So many requests does one fault cut at most."""


AGAIN = frozenset({Act.KILL, Act.PAUSE, Act.TAKE_OVER})
"""What another fault that strikes the same role may keep from striking: it is tried a second time."""


async def inject(deployment: Deployment, planned: Planned) -> bool:
    """Inject a fault, leave it to work and heal it; tell whether it has struck."""
    injection = _INJECTIONS[planned.fault.act]
    if await injection(deployment, planned):
        return True
    return planned.fault.act in AGAIN and await injection(deployment, planned)


async def _kill(deployment: Deployment, planned: Planned) -> bool:
    role = deployment.roles[planned.fault.on]
    async with role.turn:
        return await role.kill(planned.lasting_s)


async def _pause(deployment: Deployment, planned: Planned) -> bool:
    role = deployment.roles[planned.fault.on]
    async with role.turn:
        return await role.pause(planned.lasting_s)


async def _take_over(deployment: Deployment, planned: Planned) -> bool:
    first, second = _workers(deployment, planned)
    async with first.turn, _second_worker(second, planned) as joined:
        before = second.log_size()
        paused = await first.pause(planned.lasting_s)
        return joined and paused and await second.has_said(OWNS_ALL, before, 0)


async def _join(deployment: Deployment, planned: Planned) -> bool:
    _, second = _workers(deployment, planned)
    async with _second_worker(second, planned) as joined:
        if joined:
            await asyncio.sleep(planned.lasting_s)
        return joined


def _workers(deployment: Deployment, planned: Planned) -> tuple[Role, Role]:
    name = planned.fault.on
    return deployment.roles[name], deployment.roles[f"{name}-{SECOND}"]


@asynccontextmanager
async def _second_worker(second: Role, planned: Planned) -> AsyncIterator[bool]:
    """Have a second worker join, and leave again; tell whether it came to own partitions."""
    async with second.turn:
        before = second.log_size()
        second.start()
        try:
            yield await second.has_said(OWNS_SOME, before, JOINS_WITHIN_S)
        finally:
            await second.stop(kill=planned.chance < 0.5)


async def _deploy(deployment: Deployment, planned: Planned) -> bool:
    """Change the rules while no worker of the processors runs that has seen the old ones."""
    role, second = _workers(deployment, planned)
    async with role.turn:
        killing = asyncio.create_task(role.kill(planned.lasting_s))
        await asyncio.sleep(0)  # now it is killed
        if second.runs:
            second.kill_now()
        deployment.rules.deploy()
        return await killing


async def _cut(deployment: Deployment, planned: Planned) -> bool:
    targets = frozenset({MARK} if planned.fault.act is Act.CUT_MARK else TABLES)
    times = 1 + int(planned.chance * CUTS)
    trap = Trap(Cut(planned.fault.on), targets, times, delay_s=planned.lasting_s)
    return await _spring(deployment, trap)


async def _late(deployment: Deployment, planned: Planned) -> bool:
    """Hold an insert back, kill the sinks, and let it arrive when others have taken over."""
    killed: list[bool] = []

    def kill() -> None:
        killed.extend(deployment.roles[name].kill_now() for name in ("sinks", f"sinks-{SECOND}"))

    trap = Trap(Cut.DELAY, frozenset({planned.fault.on}), delay_s=planned.lasting_s, then=kill)
    return await _spring(deployment, trap) and any(killed)


async def _kill_store(deployment: Deployment, planned: Planned) -> bool:
    clickhouse = deployment.roles["clickhouse"]
    killed: list[bool] = []

    def kill() -> None:
        killed.append(clickhouse.kill_now())

    trap = Trap(Cut.NONE, frozenset({planned.fault.on}), delay_s=planned.lasting_s, then=kill)
    return await _spring(deployment, trap) and any(killed)


async def _spring(deployment: Deployment, trap: Trap) -> bool:
    deployment.proxy.set(trap)
    try:
        async with asyncio.timeout(STRIKES_WITHIN_S):
            await trap.sprung.wait()
    except TimeoutError:
        return trap.struck > 0
    finally:
        deployment.proxy.remove(trap)
    return True


async def _step(deployment: Deployment, planned: Planned) -> bool:
    step = Step(planned.fault.on)
    deployment.steps.arm(step)
    if step is Step.TAKEN_OVER:
        deployment.roles["processors"].kill_now()  # whoever takes its partitions over reaches the step
    try:
        async with asyncio.timeout(STRIKES_WITHIN_S):
            while not deployment.steps.struck(step):
                await asyncio.sleep(0.05)
    except TimeoutError:
        deployment.steps.disarm(step)
    return deployment.steps.struck(step)


_INJECTIONS: dict[Act, Callable[[Deployment, Planned], Awaitable[bool]]] = {
    Act.KILL: _kill,
    Act.PAUSE: _pause,
    Act.TAKE_OVER: _take_over,
    Act.JOIN: _join,
    Act.DEPLOY: _deploy,
    Act.CUT: _cut,
    Act.CUT_MARK: _cut,
    Act.LATE: _late,
    Act.KILL_STORE: _kill_store,
    Act.STEP: _step,
}
