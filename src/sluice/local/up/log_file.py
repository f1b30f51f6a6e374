"""The log file of one role: rotated when it is opened, and quoted when the role died."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ROTATE_AT_BYTES = 10_000_000
KEPT = 3
_TAIL_BYTES = 16_384


def rotate(log: Path, rotate_at_bytes: int = ROTATE_AT_BYTES) -> None:
    """Move a log that has grown too large out of the way: `x.log` becomes `x.log.1`, that `x.log.2`, and so on."""
    if not log.exists() or log.stat().st_size < rotate_at_bytes:
        return
    for number in range(KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def size(log: Path) -> int:
    """Give the log's size in bytes, 0 if there is none yet."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, lines: int, since_byte: int = 0) -> list[str]:
    """Give the last lines that were written after a position, without blank ones; none if there is no log."""
    if not log.exists():
        return []
    with log.open("rb") as stream:
        stream.seek(max(since_byte, size(log) - _TAIL_BYTES))
        text = stream.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-lines:]
