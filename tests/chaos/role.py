"""One role of a run: a process that is started again whenever it ends, and that faults may kill and stop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.local.up.child import Child, NotifySocket

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from sluice.local.up.child import Guard

AGAIN_S = 0.5
"""How long a role that ended by itself waits before it is started again."""
STOP_S = 15.0
LOOK_AGAIN_S = 0.1
KILLED = -signal.SIGKILL


class Role:
    """Keeps one role running from `start` to `stop`.

    Whoever injects a fault into it holds `turn`, so that a role suffers one at a time.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        socket_path: str,
        guard: Guard,
    ) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self.turn = asyncio.Lock()
        self.ends: list[int] = []
        """The exit codes of all processes that have ended; minus the signal's number."""
        self._command = command
        self._environment = {**os.environ, **environment, "NOTIFY_SOCKET": socket_path}
        self._guard = guard
        self._notify = NotifySocket(socket_path, lambda _status: None)
        self._may_run = asyncio.Event()
        self._ended = asyncio.Condition()
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        """Whether it is to be kept running."""
        return self._task is not None

    def start(self) -> None:
        """Start it, and keep it running."""
        self._may_run.set()
        self._task = asyncio.create_task(self._keep(), name=self.name)

    async def ready(self, deadline_s: float) -> bool:
        """Wait until the process that runs now has said that it is ready; tell whether it has in time."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._notify.ready.wait()
        except TimeoutError:
            return False
        return True

    def log_size(self) -> int:
        """Give how long its log is now, in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    async def has_said(self, pattern: re.Pattern[bytes], since: int, deadline_s: float) -> bool:
        """Wait until its log matches a pattern beyond that length; tell whether it does in time."""
        deadline = time.monotonic() + deadline_s
        while not (found := self.log.exists() and pattern.search(self.log.read_bytes(), since)):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        return bool(found)

    def kill_now(self) -> bool:
        """End it with SIGKILL; tell whether there was a process to end."""
        if self._child is None:
            return False
        self._child.kill()
        return True

    async def kill(self, down_s: float) -> bool:
        """End it with SIGKILL, and start it again after a while; tell whether it was running until then."""
        self._may_run.clear()
        ended = len(self.ends)
        try:
            if not self.kill_now():
                return False
            await self.has_ended(ended + 1)
            await asyncio.sleep(down_s)
        finally:
            self._may_run.set()
        return self.ends[ended] == KILLED

    async def pause(self, for_s: float) -> bool:
        """Stop it with SIGSTOP, and let it go on after a while; tell whether it stood still for all that time."""
        child = self._child
        if child is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
            return _state(child.pid) == "T"
        finally:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGCONT)

    async def has_ended(self, times: int) -> None:
        """Wait until its process has ended so often since the run began."""
        async with self._ended:
            await self._ended.wait_for(lambda: len(self.ends) >= times)

    async def stop(self, *, kill: bool = False) -> None:
        """End it for good, by SIGTERM where it may take its time."""
        task, self._task = self._task, None
        if task is None:
            return
        self._may_run.clear()
        if self._child is not None and not kill:
            self._child.terminate()
            with suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGCONT)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S), self._ended:
                    await self._ended.wait_for(lambda: self._child is None)
        if self._child is not None:
            self._child.kill()
            async with self._ended:
                await self._ended.wait_for(lambda: self._child is None)
        task.cancel()
        await asyncio.wait({task})

    def close(self) -> None:
        """Listen to it no more."""
        self._notify.close()

    async def _keep(self) -> None:
        while True:
            await self._may_run.wait()
            self._notify.ready.clear()
            self._child = await Child.start(self._command, self._environment, self.log, self._guard)
            code = await self._child.wait()
            async with self._ended:
                self._child = None
                self.ends.append(code)
                self._ended.notify_all()
            await asyncio.sleep(AGAIN_S)


def _state(pid: int) -> str:
    """Give the letter by which /proc tells a process's state, none if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]
