"""A connection of chdb, and what runs on it: whole answers, streams of rows, loads.

A connection of chdb remembers settings and parameters. After a failed `query` it even keeps the partial answer, which
then comes out in front of the next one; a failed stream leaves nothing behind. Everything here blocks, and is called
in threads: chdb releases the GIL.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import chdb

from sluice.local.clickhouse.access import READER_ROLE
from sluice.local.clickhouse.errors import ClickHouseError, from_engine
from sluice.local.clickhouse.formats import header_length

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)
_ENGINE_ERRORS = (RuntimeError, chdb.ChdbError)
TAG_SETTING = "chdb_client_name"
"""A setting without effect on queries: it carries the tag by which `Engine.kill` finds a running one."""


@dataclass(slots=True)
class Counters:
    """What a statement read and wrote, as in X-ClickHouse-Summary."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds for a connection, or for one statement of a session.

    `params` are values of query parameters in ClickHouse's escaped form, as HTTP's `param_x` carries them.
    """

    database: str | None = None
    settings: Mapping[str, str] | None = None
    params: Mapping[str, str] | None = None
    tag: str = ""
    reader: bool = False
    readonly: int = 0


class Rows:
    """A result on its way: blocks of encoded bytes."""

    def __init__(self, connection: Connection, sql: bytes, format_name: str) -> None:
        self._connection = connection
        self._sql = sql
        self._format = format_name
        self._stream: Any = None
        self._first = True
        self.counters = Counters()

    def next(self) -> bytes:
        """Give the next bytes, or none at the end. Raises `ClickHouseError`."""
        try:
            return self._next()
        except _ENGINE_ERRORS as error:
            raise from_engine(str(error)) from None

    def _next(self) -> bytes:
        if self._stream is None:
            self._stream = self._connection.raw.send_query(self._sql, self._format)
        block = self._stream.fetch()
        if block is None:
            return self._empty() if self._first else b""
        _count(self.counters, block)
        data: bytes = block.bytes()
        if not self._first:
            data = data[header_length(self._format, data) :]
        self._first = False
        return data or self._next()

    def _empty(self) -> bytes:
        """Give the format's header, which a stream without rows lacks; the whole result has it."""
        self._first = False
        if not header_needed(self._format):
            return b""
        return self._connection.whole(self._sql, self._format, self.counters)

    def cancel(self) -> None:
        """End the query; its connection can be used again."""
        if self._stream is not None:
            self._stream.cancel()


def header_needed(format_name: str) -> bool:
    """Tell whether a result without rows still has bytes in this format."""
    return "withnames" in format_name.lower()


def _count(counters: Counters, result: Any) -> None:
    counters.read_rows += result.storage_rows_read()
    counters.read_bytes += result.storage_bytes_read()
    counters.result_rows += result.rows_read()
    counters.result_bytes += result.bytes_read()
    counters.written_rows += result.rows_written()
    counters.written_bytes += result.bytes_written()


class Load:
    """An INSERT whose data arrives piece by piece; nothing of it is visible before `finish`.

    chdb's own INSERT by pieces says that all went well where what comes after reading the data fails: a constraint, a
    view, too many parts. So the data is kept in a file without a name, and the engine reads it from there.
    """

    def __init__(self, connection: Connection, statement: Callable[[str], bytes]) -> None:
        """`statement` makes the INSERT that reads a file of that path."""
        self._connection = connection
        self._statement = statement
        self._data = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it

    def append(self, data: bytes) -> None:
        """Keep some data. Raises `ClickHouseError` where the disk is full."""
        try:
            self._data.write(data)
            self._data.flush()
        except OSError as error:
            raise ClickHouseError(243, f"Cannot keep the data of an INSERT: {error.strerror}") from error

    def finish(self) -> Counters:
        """Insert what was appended. Raises `ClickHouseError`."""
        counters = Counters()
        path = f"/dev/fd/{self._data.fileno()}"
        try:
            self._connection.whole(self._statement(path), "Null", counters)
        except ClickHouseError as error:
            message = error.message.replace(f": (in file/uri {path})", "")
            raise ClickHouseError(error.code, message, error.name) from None
        counters.read_rows, counters.read_bytes = counters.written_rows, counters.written_bytes
        return counters

    def close(self) -> None:
        """Forget the data."""
        self._data.close()


class Connection:
    """One connection to the engine; used by one thread at a time."""

    def __init__(self, target: str) -> None:
        try:
            self.raw = chdb.connect(target)
        except _ENGINE_ERRORS as error:
            raise from_engine(str(error)) from None

    def prepare(self, scope: Scope) -> None:
        """Make the scope hold from now on. Raises `ClickHouseError` for an unknown database or setting."""
        statements = []
        if scope.database is not None:
            statements.append(f"USE {quoted_name(scope.database)}")
        if scope.reader:
            statements.append(f"SET ROLE {READER_ROLE}")
        values = {**(scope.settings or {}), TAG_SETTING: scope.tag}
        values.update((f"param_{name}", value) for name, value in (scope.params or {}).items())
        statements.append("SET " + ", ".join(f"{setting(name)} = {quoted(value)}" for name, value in values.items()))
        if scope.readonly:
            statements.append(f"SET readonly = {scope.readonly}")
        self.run("; ".join(statements).encode("utf-8", "surrogateescape"))

    def run(self, sql: bytes, format_name: str = "Null") -> bytes:
        """Execute a statement and give its whole answer. Raises `ClickHouseError`."""
        return self.whole(sql, format_name, Counters())

    def whole(self, sql: bytes, format_name: str, counters: Counters) -> bytes:
        """Execute a statement, add to the counters, and give its whole answer. Raises `ClickHouseError`."""
        try:
            result = self.raw.query(sql, format_name)
        except _ENGINE_ERRORS as error:
            self._drop_leftovers()
            raise from_engine(str(error)) from None
        _count(counters, result)
        answer: bytes = result.bytes()
        return answer

    def _drop_leftovers(self) -> None:
        """After an error chdb holds back what it had encoded until then, for the next answer."""
        try:
            self.raw.query("SELECT 1", "Null")
        except _ENGINE_ERRORS as error:
            _log.warning("a connection could not be cleared after an error: %s", error)

    def rows(self, sql: bytes, format_name: str) -> Rows:
        """Begin a SELECT in a format that can be streamed; nothing runs before the first `next`."""
        return Rows(self, sql, format_name)

    def load(self, statement: Callable[[str], bytes]) -> Load:
        """Begin an INSERT with data; `statement` makes the one that reads a file of that path."""
        return Load(self, statement)

    def close(self) -> None:
        """Close it; what still runs on it is cancelled."""
        self.raw.close()


def quoted(value: str) -> str:
    """Write a value as a string literal of ClickHouse."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted_name(name: str) -> str:
    """Write a name as a quoted identifier of ClickHouse."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def setting(name: str) -> str:
    """Write the name of a setting; one that cannot be a setting is refused as ClickHouse refuses it."""
    if not name.isidentifier() or not name.isascii():
        raise ClickHouseError(
            115,
            f"Setting {name} is neither a builtin setting nor started with the prefix 'SQL_' registered for "
            "user-defined settings.",
        )
    return name
