"""Running a plan: stages in order, then all roles kept alive, then all of them stopped in order."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.up import log_file
from sluice.local.up.child import Child
from sluice.local.up.keeper import UNUSABLE_PREFIX, Keeper
from sluice.local.up.plan import Role, roles, stop_order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sluice.local.up.child import Guard
    from sluice.local.up.display import Display
    from sluice.local.up.plan import Plan, Step


_LINES_SEARCHED = 100
"""So many of the last lines of a step may hold what it shows."""


class Supervisor:
    """Owns every process of a plan."""

    def __init__(
        self,
        plan: Plan,
        environment: Mapping[str, str],
        log_dir: Path,
        socket_dir: str,
        guard: Guard,
        display: Display,
    ) -> None:
        self._plan = plan
        self._environment = environment
        self._log_dir = log_dir
        self._guard = guard
        self._display = display
        self._keepers = {
            role.name: Keeper(
                role, environment, log_dir / f"{role.name}.log", f"{socket_dir}/{role.name}", guard, display
            )
            for role in roles(plan)
        }

    async def start(self) -> None:
        """Start stage after stage; return once everything is ready.

        Raises `Unusable` if a step fails or a role says that it cannot start. The caller must `stop` in any case.
        """
        for stage in self._plan:
            try:
                async with asyncio.TaskGroup() as group:
                    for entry in stage:
                        if isinstance(entry, Role):
                            group.create_task(self._keepers[entry.name].start())
                        else:
                            group.create_task(self._run(entry))
            except* Unusable as errors:
                raise errors.exceptions[0] from None

    async def stop(self) -> None:
        """Stop the roles in the plan's order; all are gone when this returns."""
        began = time.monotonic()
        for group in stop_order(self._plan):
            await asyncio.gather(*(self._keepers[r.name].stop(began + r.stopped_by_s) for r in group))

    def kill(self) -> None:
        """Kill every role at once; a `stop` that is under way then ends at once."""
        for keeper in self._keepers.values():
            keeper.kill()

    async def _run(self, step: Step) -> None:
        log = self._log_dir / f"{step.name}.log"
        log_file.rotate(log)
        written_before = log_file.size(log)
        self._display.state(step.name, "running")
        child = await Child.start(step.command, self._environment, log, self._guard)
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
        if code != 0:
            said = log_file.tail(log, 1, written_before)
            reason = said[0].removeprefix(UNUSABLE_PREFIX) if said else f"exit code {code}"
            raise Unusable(f"the step '{step.name}' failed: {reason} (its log is {log})")
        for line in log_file.tail(log, _LINES_SEARCHED, written_before) if step.shows else ():
            if line.startswith(step.shows):
                self._display.line(f"{step.name}: {line}")
        self._display.state(step.name, "done")
