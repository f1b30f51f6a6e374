"""Starting and ending one process of the local stack."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sluice.local.up import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The child reports its own process group to the guard before it becomes what it shall be: whenever the supervisor
# is killed, either the group is known or the process does not exist yet. Until then its standard input is the
# guard's pipe.
_ENTER_GUARD = ("/bin/sh", "-c", 'echo "+$$" >&0 && exec "$@" </dev/null', "sh")


class Guard:
    """The supervisor's end of the guard process; see `guard.py`."""

    def __init__(self) -> None:
        # The reading end stays open here too: were the guard killed, children could still be started.
        self._reading_end, self.pipe = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", str(Path(guard.__file__))],
            stdin=self._reading_end,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def forget(self, group: int) -> None:
        """Drop a process group that is gone, since its number may be given to another."""
        os.write(self.pipe, f"-{group}\n".encode())

    def close(self) -> None:
        """End the guard; every group that it still knows is killed by it."""
        os.close(self.pipe)
        os.close(self._reading_end)
        self._process.wait()


class NotifySocket:
    """Receives what one role says by the sd_notify protocol."""

    def __init__(self, path: str, on_status: Callable[[str], None]) -> None:
        self.path = path
        self.ready = asyncio.Event()
        self._on_status = on_status
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(path)
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for line in self._socket.recv(65536).decode(errors="replace").splitlines():
                name, _, value = line.partition("=")
                if name == "READY" and value == "1":
                    self.ready.set()
                elif name == "STATUS":
                    self._on_status(value)


class Child:
    """A running process in a session and process group of its own, so that the terminal's Ctrl-C passes it by."""

    def __init__(self, process: asyncio.subprocess.Process, guard_: Guard) -> None:
        self._process = process
        self._guard = guard_
        self.pid = process.pid

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], log: Path, guard_: Guard) -> Self:
        """Start a process whose output is appended to a log; raise `OSError` if that is impossible."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *_ENTER_GUARD,
                *command,
                stdin=guard_.pipe,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )
        return cls(process, guard_)

    async def wait(self) -> int:
        """Wait for its end, end what it left of its group, and give its exit code (minus the signal's number)."""
        code = await self._process.wait()
        self.kill()
        self._guard.forget(self.pid)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
