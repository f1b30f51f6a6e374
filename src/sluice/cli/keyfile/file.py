"""The settings file on disk: replaced as a whole, by one at a time.

Whoever reads it meanwhile finds the old file or the new one, never a part. A link stays a link: what it points to is
replaced.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import tomllib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.contract import projects
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluice.contract.projects import Projects


@dataclass(slots=True)
class Change:
    """A settings file that is being changed: its text, None as long as there is no file."""

    text: str | None


def read(path: Path) -> str:
    """Read the whole file. Raises `Unusable`."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise Unusable(f"cannot read the settings file {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Unusable(f"the settings file {path} is not TOML: {error}") from None


def parse(path: Path, text: str) -> Projects:
    """Check what a settings file says. Raises `Unusable`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"the settings file {path} is not TOML: {error}") from None
    return projects.parse(document)


@contextmanager
def changing(path: Path) -> Iterator[Change]:
    """Give the text of a settings file, and write what it has become when the block ends without an error.

    A file that does not exist is made, for its owner alone; one that does keeps its mode and its owner.

    Raises `Unusable` when the file cannot be read or written, or when what it has become is not valid.
    """
    target = path.resolve()
    with _alone(path, target):
        change = Change(read(target) if target.exists() else None)
        yield change
        if change.text is not None:
            parse(path, change.text)
            with _saying(path):
                _replace(target, change.text)


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unusable(f"cannot write the settings file {path}: {error.strerror}") from None


@contextmanager
def _alone(path: Path, target: Path) -> Iterator[None]:
    """Wait until nobody else changes the file. The lock is a file of its own, since this one is replaced."""
    with _saying(path):
        lock = target.with_name(f".{target.name}.lock").open("a")
    with lock:
        with _saying(path):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if target.exists():
                old = target.stat()
                os.fchown(handle, old.st_uid, old.st_gid)
                os.fchmod(handle, old.st_mode & 0o7777)
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
