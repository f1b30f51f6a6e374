"""Keeping one role alive: start it, hear that it is ready, start it again when it dies, stop it."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.up import log_file
from sluice.local.up.backoff import Backoff
from sluice.local.up.child import Child, NotifySocket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sluice.local.up.child import Guard
    from sluice.local.up.display import Display
    from sluice.local.up.plan import Role

_QUOTED_LINES = 5
_STILL_WAITING_EVERY_S = 30.0
UNUSABLE_PREFIX = "sluice: "
"""How `sluice.cli.main` begins the sentence with which a role ends that cannot start."""


class Keeper:
    """Owns the process of one role."""

    def __init__(
        self, role: Role, environment: Mapping[str, str], log: Path, socket_path: str, guard: Guard, display: Display
    ) -> None:
        self.role = role
        self._log = log
        self._guard = guard
        self._display = display
        self._environment = {**environment, "NOTIFY_SOCKET": socket_path}
        self._notify = NotifySocket(socket_path, lambda text: display.status(role.name, text))
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._was_ready = False

    async def start(self) -> None:
        """Return once the role is ready; from then on it is kept alive until `stop`.

        Raises `Unusable` with the role's own sentence if it says that it cannot start.
        """
        log_file.rotate(self._log)
        self._display.state(self.role.name, "starting")
        started = time.monotonic()
        self._task = asyncio.create_task(self._keep(), name=self.role.name)
        ready = asyncio.create_task(self._notify.ready.wait())
        try:
            while not ready.done():
                await asyncio.wait(
                    {ready, self._task},
                    timeout=_STILL_WAITING_EVERY_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if self._task.done():
                    self._task.result()
                elif not ready.done():
                    waited_s = time.monotonic() - started
                    self._display.line(f"{self.role.name}: not ready after {waited_s:.0f} s, see {self._log}")
        finally:
            ready.cancel()

    async def stop(self, deadline: float) -> None:
        """End the role if it was started: SIGTERM now, SIGKILL when `time.monotonic()` reaches the deadline."""
        self._stopping.set()
        if self._task is not None and not self._task.done():
            if self._child is None:  # it died, and waits for its next start
                self._task.cancel()
            else:
                self._child.terminate()
            _, late = await asyncio.wait({self._task}, timeout=max(0.0, deadline - time.monotonic()))
            if late:
                self._display.line(f"{self.role.name}: did not stop in time and was killed")
                self.kill()
                await asyncio.wait({self._task})
            self._display.state(self.role.name, "stopped")
        self._notify.close()

    def kill(self) -> None:
        """End the role at once, for good."""
        self._stopping.set()
        if self._child is not None:
            self._child.kill()

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            started = time.monotonic()
            written_before = log_file.size(self._log)
            end = await self._live_once(started)
            if self._stopping.is_set():
                return
            said = log_file.tail(self._log, _QUOTED_LINES, written_before)
            if not self._was_ready:
                _raise_its_sentence(said)
            delay_s = backoff.after_death(time.monotonic() - started)
            self._display.line(f"{self.role.name} {end}; starting it again in {delay_s:g} s")
            for line in said:
                self._display.line(f"  {self.role.name} | {line}")
            await asyncio.sleep(delay_s)

    async def _live_once(self, started: float) -> str:
        """Start the process, wait for its end, and put that into words."""
        self._notify.ready.clear()
        try:
            self._child = await Child.start(self.role.command, self._environment, self._log, self._guard)
        except OSError as error:
            return f"could not be started ({error.strerror})"
        if self._stopping.is_set():  # asked to while it was being started
            self._child.terminate()
        told = asyncio.create_task(self._tell_when_ready(started))
        try:
            return describe_end(await self._child.wait())
        finally:
            told.cancel()
            self._child = None

    async def _tell_when_ready(self, started: float) -> None:
        await self._notify.ready.wait()
        self._was_ready = True
        self._display.state(self.role.name, f"ready after {time.monotonic() - started:.1f} s")


def describe_end(code: int) -> str:
    """Put an exit code into words, a negative one being a signal's number."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _raise_its_sentence(said: list[str]) -> None:
    if said and said[-1].startswith(UNUSABLE_PREFIX):
        raise Unusable(said[-1].removeprefix(UNUSABLE_PREFIX))
