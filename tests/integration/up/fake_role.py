"""A role without substance: it says that it is ready and waits. `fake_role.py NAME BEHAVIOUR`, in the data directory.

It appends what happens to it to `events`, as `<name> <event> <pid>` lines.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from sluice.role.ready import say_ready, say_status

NAME, BEHAVIOUR = sys.argv[1:]


def record(event: str, pid: int | None = None) -> None:
    # One write of a short line is atomic.
    with Path(os.environ["SLUICE_DATA_DIR"], "events").open("a") as events:
        events.write(f"{NAME} {event} {pid or os.getpid()}\n")


def end(*_: object) -> None:
    record("stopped")
    sys.exit(0)


def main() -> None:
    record("started")
    if BEHAVIOUR == "unusable":
        sys.stderr.write("some log line\nsluice: there is no water\n")
        sys.exit(1)
    if BEHAVIOUR == "crashes":
        sys.stderr.write("Traceback of a crash\n")
        sys.exit(3)
    if BEHAVIOUR == "step":
        sys.stdout.write("nothing to do\nfilled a glass\n")
        record("done")
        sys.exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if BEHAVIOUR == "stubborn" else end)
    if BEHAVIOUR == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        record("child", child.pid)
    say_status("filling up")
    sys.stdout.write(f"{NAME} is about to serve\n")
    if BEHAVIOUR != "slow":
        say_ready()
    while True:
        signal.pause()


main()
