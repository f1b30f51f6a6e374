"""The directory of a worker's stores: no other process has it meanwhile, and no half of a store is left in it."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedWriter
    from pathlib import Path

LOCK = "lock"
THROWN_AWAY = ".thrown-away"
"""The ending of what a process that was killed has left of a store."""


def take(directory: Path) -> BufferedWriter:
    """Make the directory if need be, and give the lock on it: closing that lets another process have it.

    Raises `BlockingIOError` when another process has it, and any other `OSError` when it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        lock = undo.enter_context((directory / LOCK).open("wb"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in directory.glob(f"*{THROWN_AWAY}"):
            shutil.rmtree(left)
        undo.pop_all()
    return lock


def remove(store: Path) -> None:
    """Remove a store, if there is one: whenever the process is killed, it is there whole or not at all.

    Raises `OSError` when the disk refuses.
    """
    left = store.with_name(store.name + THROWN_AWAY)
    if left.exists():
        shutil.rmtree(left)
    if store.exists():
        store.rename(left)
        shutil.rmtree(left)
