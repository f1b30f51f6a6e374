"""The engine of this process: chdb on one data directory, until the process ends.

Each request gets a fresh connection, because a connection remembers; opening one costs 0.2 to 0.3 ms.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.clickhouse.access import write_configuration
from sluice.local.clickhouse.connection import TAG_SETTING, Connection, quoted
from sluice.local.clickhouse.errors import VERSION, ClickHouseError

if TYPE_CHECKING:
    from pathlib import Path

    from sluice.local.clickhouse.settings import ClickHouseSettings


class Engine:
    """The engine of this process. Safe for use by several threads."""

    def __init__(self, target: str, lock: int, root: Connection) -> None:
        self._target = target
        self._lock = lock
        self._root = root
        self._root_lock = threading.Lock()
        self.timezone = root.run(b"SELECT timezone()", "TSVRaw").decode().strip()
        listed = root.run(b"SELECT lower(name), content_type FROM system.formats WHERE is_output", "TSVRaw")
        self._content_types = dict(line.split("\t") for line in listed.decode().splitlines())

    @classmethod
    def start(cls, settings: ClickHouseSettings) -> Engine:
        """Open the data directory, make the home database.

        Raises `Unusable` if the directory cannot be written, if another process holds it, or if the engine cannot
        start on what is there.
        """
        path = settings.directory.resolve()
        lock = _hold(path)
        try:
            server, users = write_configuration(path / "config", settings)
            target = (
                f"{path / 'data'}?config-file={server}&users_config={users}"
                f"&max_server_memory_usage={settings.clickhouse_memory_bytes}"
            )
            root = Connection(target)
            version = root.run(b"SELECT version()", "TSVRaw").decode().strip()
            if version != VERSION:
                raise Unusable(f"chdb brings ClickHouse {version}, but Sluice was made for {VERSION}")
            root.run(f"CREATE DATABASE IF NOT EXISTS {settings.clickhouse_database}".encode())
            return cls(target, lock, root)
        except OSError as error:
            os.close(lock)
            raise Unusable(f"the ClickHouse directory {path} cannot be used: {error.strerror}") from error
        except ClickHouseError as error:
            os.close(lock)
            raise Unusable(f"ClickHouse cannot start on {path}: {error.message.splitlines()[0]}") from error

    def connect(self) -> Connection:
        """Open a connection of its own for a request or a session."""
        return Connection(self._target)

    def ask(self, sql: bytes, format_name: str = "TSVRaw") -> bytes:
        """Ask the engine something for the front's own use. Raises `ClickHouseError`."""
        with self._root_lock:
            return self._root.run(sql, format_name)

    def kill(self, tag: str) -> None:
        """End the statement that runs under this tag, if any; returns before it has ended."""
        self.ask(f"KILL QUERY WHERE Settings['{TAG_SETTING}'] = {quoted(tag)}".encode(), "Null")

    def content_type(self, format_name: str) -> str:
        """Give the Content-Type of an output format; plain text if there is no such format."""
        return self._content_types.get(format_name.lower(), "text/plain; charset=UTF-8")

    def close(self) -> None:
        """Stop the engine and give the directory free. All connections must be closed before."""
        self._root.close()
        os.close(self._lock)


def _hold(path: Path) -> int:
    """Make the directory and hold it for this process, until it ends however it ends."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unusable(f"the ClickHouse directory {path} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise Unusable(f"the ClickHouse directory {path} is in use by another process") from None
    return lock
