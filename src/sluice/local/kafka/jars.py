"""Which jars make up the broker: the lock file `jars.lock`, read and checked. Pure but for hashing files.

A line of the lock is `<SHA-256> <size in bytes> <group>:<artifact>:<version>`. `lock.py` writes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_COLUMNS = 3
_SHA256_HEX_LENGTH = 64


@dataclass(frozen=True, slots=True, order=True)
class Jar:
    """One jar of the broker: its Maven coordinate, and what its bytes must be."""

    coordinate: str
    """`group:artifact:version`."""
    sha256: str
    size_bytes: int

    @property
    def filename(self) -> str:
        """Name of the file in the cache; the version stands in it, so that releases share a cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Read a lock file's text; raise `Unusable` naming the line that cannot be read."""
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return tuple(_jar(number, line) for number, line in lines if line and not line.startswith("#"))


def render_lock(jars: Iterable[Jar], header: Iterable[str] = ()) -> str:
    """Write a lock file's text: comment lines first, then one line for each jar in order of coordinates."""
    comments = [f"# {line}" for line in header]
    return "\n".join([*comments, *(f"{j.sha256} {j.size_bytes:>9} {j.coordinate}" for j in sorted(jars))]) + "\n"


def describe(coordinate: str, file: Path) -> Jar:
    """Take size and checksum of a file that is known to be good."""
    return Jar(coordinate, _sha256(file), file.stat().st_size)


def is_intact(jar: Jar, file: Path) -> bool:
    """Say whether the file is there and is this jar to the last bit."""
    try:
        return file.stat().st_size == jar.size_bytes and _sha256(file) == jar.sha256
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _jar(number: int, line: str) -> Jar:
    columns = line.split()
    if len(columns) != _COLUMNS or len(columns[0]) != _SHA256_HEX_LENGTH or columns[2].count(":") != 2:
        raise Unusable(f"jars.lock, line {number}, is not '<sha256> <bytes> <group>:<artifact>:<version>'")
    return Jar(coordinate=columns[2], sha256=columns[0], size_bytes=int(columns[1]))
