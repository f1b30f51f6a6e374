"""The replica's store: one SQLite file in the gateway's own directory.

Whatever is in it can be read again from the log, so a file that is damaged, or of another version, is thrown away.
Two connections: one reads, on the event loop, and is never held up by the other, which writes (write-ahead log).
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from sluice.contract.errors import Retry, Unusable
from sluice.contract.topics import MIB
from sluice.gateway.users.mark import Mark, Stale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

VERSION = 1
FILE = "users.sqlite3"
LOCK = "users.lock"
CHECKPOINT_BYTES = 64 * MIB
"""A larger write-ahead log is moved into the file."""

_WRITER_CACHE_KIB = 64 * 1024
_BUSY_TIMEOUT_S = 5.0

_SCHEMA = f"""
BEGIN;
CREATE TABLE known (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE log (topic_id TEXT NOT NULL, complete_at INTEGER NOT NULL);
CREATE TABLE progress (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
PRAGMA user_version = {VERSION};
COMMIT;
"""
_FIND = "SELECT value FROM known WHERE key = ?"
_SAVE = "INSERT INTO known VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_FORGET = "DELETE FROM known WHERE key = ?"
_MOVE = "INSERT INTO progress VALUES (?, ?) ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset"

# https://www.sqlite.org/rescode.html; the low byte of an extended code is the primary one.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class KnownStore:
    """Values by key, and the mark of how far the log has been read. One process at a time owns a directory.

    Raises `Unusable` when another does, or when the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connections = ExitStack()
        self._path = directory / FILE
        self._forgot = False
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = (directory / LOCK).open("wb")
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open()
        except BlockingIOError:
            self._lock.close()
            raise Unusable(
                f"another gateway keeps its known users in {directory}: "
                "give each gateway a SLUICE_GATEWAY_DATA_DIR of its own"
            ) from None
        except (Retry, OSError) as error:
            self.close()
            raise self._unusable(str(error)) from error

    def find(self, key: bytes) -> bytes | None:
        """Look a key up. Raises `Stale` when the file turns out to be damaged, and `Retry` when it cannot be read."""
        with _translated_errors():
            row = self._reader.execute(_FIND, (key,)).fetchone()
        return None if row is None else row[0]

    def mark(self) -> Mark | None:
        """Give how far the log has been read; None for a store that has not begun."""
        with _translated_errors():
            row = self._reader.execute("SELECT topic_id, complete_at FROM log").fetchone()
            next_offsets = dict(self._reader.execute("SELECT partition, next_offset FROM progress"))
        return None if row is None else Mark(topic_id=row[0], complete_at=row[1], next_offsets=next_offsets)

    def begin(self, mark: Mark) -> None:
        """Set the mark from which an empty store starts."""
        with self._transaction() as writer:
            writer.execute("INSERT INTO log VALUES (?, ?)", (mark.topic_id, mark.complete_at))
            writer.executemany(_MOVE, mark.next_offsets.items())

    def apply(
        self,
        changes: Mapping[bytes, bytes | None],
        next_offsets: Mapping[int, int],
        complete_at: int | None = None,
    ) -> None:
        """Make changes and move the mark, all or nothing. What is committed outlives a crash, if not a power cut.

        Changes in the order of their keys are written fastest. Raises as `find` does, then nothing has changed.
        """
        ordered = sorted(changes)
        with self._transaction() as writer:
            writer.executemany(_SAVE, [(key, value) for key in ordered if (value := changes[key]) is not None])
            forgotten = [(key,) for key in ordered if changes[key] is None]
            writer.executemany(_FORGET, forgotten)
            writer.executemany(_MOVE, next_offsets.items())
            if complete_at is not None:
                writer.execute("UPDATE log SET complete_at = ?", (complete_at,))
        self._forgot |= bool(forgotten)

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the write-ahead log should be moved into the file: it is long, or holds what is forgotten."""
        if self._forgot:
            return True
        with suppress(FileNotFoundError):
            return self._path.with_name(f"{FILE}-wal").stat().st_size > CHECKPOINT_BYTES
        return False

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and sync both; tens of milliseconds, or more on a slow disk."""
        with _translated_errors():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._forgot = False

    def clear(self) -> None:
        """Throw everything away, the mark too."""
        self._connections.close()
        with _translated_errors():
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                self._path.with_name(name).unlink(missing_ok=True)
        self._connect()

    def close(self) -> None:
        """Close the file, and let another process have the directory."""
        self._connections.close()
        self._lock.close()

    def _open(self) -> None:
        try:
            self._connect()
            self.mark()
        except Stale as reason:
            # Nobody needs the traceback: the file is made anew.
            log.error("%s: %s; it is thrown away, and read again from Kafka", self._path, reason)  # noqa: TRY400
            self.clear()

    def _connect(self) -> None:
        with _translated_errors():
            self._writer = self._connection()
            self._reader = self._connection()
            # Commits keep their order; only checkpoints wait for the disk, and they have a thread of their own.
            # What is forgotten is overwritten in the file.
            self._writer.executescript(
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;"
                f"PRAGMA secure_delete = ON; PRAGMA cache_size = -{_WRITER_CACHE_KIB}"
            )
            (version,) = self._writer.execute("PRAGMA user_version").fetchone()
            if version not in {0, VERSION}:
                raise Stale(f"it is of version {version}, and this gateway reads {VERSION}")
            if version == 0:
                self._writer.executescript(_SCHEMA)

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, _BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._connections.callback(connection.close)
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _translated_errors():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # after some failures SQLite has rolled back already
                    self._writer.execute("ROLLBACK")
                raise

    def _unusable(self, why: str) -> Unusable:
        return Unusable(
            f"the known users cannot be kept in {self._directory}: {why}; "
            "set SLUICE_GATEWAY_DATA_DIR to a directory of this gateway's own"
        )


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Tell a damaged file from a disk that is full or fails."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise Retry(f"the known users cannot be kept on disk: {error}") from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise Stale(f"the file is damaged ({error})") from error
        raise
