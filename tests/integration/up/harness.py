"""A supervisor over fake roles, seen from outside: its output, its exit, and the processes it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from signal import Signals

DEADLINE_S = 20.0
READY_LINE = "Sluice is ready after"


def eventually(holds: Callable[[], bool], deadline_s: float = DEADLINE_S, otherwise: Callable[[], str] = str) -> None:
    """Poll until it holds; fail after the deadline with what `otherwise` tells."""
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {otherwise()}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be collected does not."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


class RunningPlan:
    """A supervisor as a process group of its own, like one that a shell started."""

    def __init__(self, data_dir: Path, *stages: str) -> None:
        self.data_dir = data_dir
        self._out, self._err = data_dir / "stdout", data_dir / "stderr"
        command = [sys.executable, str(Path(__file__).with_name("run_plan.py")), str(data_dir), *stages]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        eventually(lambda: not self.living())

    @property
    def output(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    def events(self, event: str) -> list[tuple[str, int]]:
        """Give the names and process ids to which this happened, in order."""
        file = self.data_dir / "events"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(name, int(pid)) for name, what, pid in map(str.split, lines) if what == event]

    def pid(self, name: str) -> int:
        """Give the process id of a role's latest life."""
        return [pid for started, pid in self.events("started") if started == name][-1]

    def living(self) -> list[int]:
        """Give every process that was started under this supervisor and still runs."""
        return [pid for _, pid in [*self.events("started"), *self.events("child")] if is_alive(pid)]

    def wait_until_ready(self) -> None:
        self.wait_for(READY_LINE)

    def wait_for(self, text: str) -> None:
        eventually(lambda: text in self.output, otherwise=lambda: f"{text!r} in\n{self.output}{self.errors}")

    def signal(self, number: Signals) -> None:
        self.process.send_signal(number)

    def signal_group(self, number: Signals) -> None:
        """Do what a terminal does on Ctrl-C."""
        os.killpg(self.process.pid, number)

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        return self.process.wait(deadline_s)
