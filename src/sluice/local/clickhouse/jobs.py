"""The blocking halves of requests: reads and loads, in steps that threads execute one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.local.clickhouse.connection import Counters, Load, Rows
from sluice.local.clickhouse.errors import ClickHouseError
from sluice.local.clickhouse.formats import STREAMED, UNSTREAMED_SETTINGS
from sluice.local.clickhouse.reader import allow_tree
from sluice.local.clickhouse.statement import Action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from sluice.local.clickhouse.compression import Encoder
    from sluice.local.clickhouse.connection import Connection
    from sluice.local.clickhouse.places import Place
    from sluice.local.clickhouse.statement import Statement

BUFFER_BYTES = 1024 * 1024
"""How much of an answer is held back before the headers go out, so that an early error still has its own status."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of an answer, and whether they are its last."""

    data: bytes
    last: bool


class ReadJob:
    """A statement that answers: `begin`, then `next` until the last piece, then `end` in any case.

    `entered` says that it holds a connection; setting `abandoned` makes its next step fail.
    """

    def __init__(
        self, place: Place, statement: Statement, format_name: str, encoder: Encoder, *, check_tree: bool
    ) -> None:
        self._place = place
        self._statement = statement
        self._format = format_name
        self._encoder = encoder
        self._check_tree = check_tree
        self._rows: Rows | None = None
        self.entered = False
        self.abandoned = False
        self._started = time.perf_counter_ns()
        self._whole = Counters()

    def begin(self, settings: Mapping[str, str], hold: IO[bytes] | None) -> Piece:
        """Execute, and gather the first piece: all of it if it is small.

        With `hold`, a file, everything is gathered there first, whatever its size. Raises `ClickHouseError`.
        """
        _refuse_abandoned(self.abandoned)
        connection = self._place.enter()
        self.entered = True
        if self._check_tree:
            allow_tree(_tree(connection, self._statement.sql))
        if self._streams(settings):
            self._rows = connection.rows(self._statement.sql, self._format)
        piece = self._gather(connection, hold)
        if piece.last:
            self.end()
        return piece

    def _streams(self, settings: Mapping[str, str]) -> bool:
        return (
            self._statement.action is Action.SELECT
            and not self._statement.whole_result
            and self._format.lower() in STREAMED
            and not UNSTREAMED_SETTINGS.intersection(settings)
            and not any(
                token.is_identifier and token.value.decode("latin-1") in UNSTREAMED_SETTINGS
                for token in self._statement.tokens
            )
        )

    def _gather(self, connection: Connection, hold: IO[bytes] | None) -> Piece:
        if self._rows is None:
            data = connection.whole(self._statement.sql, self._format, self._whole)
            return Piece(self._encoder.encode(data) + self._encoder.finish(), last=True)
        if hold is not None:
            while not (piece := self.next()).last:
                hold.write(piece.data)
            hold.write(piece.data)
            return Piece(b"", last=True)
        gathered: list[bytes] = []
        size = 0
        while True:
            piece = self.next()
            gathered.append(piece.data)
            size += len(piece.data)
            if piece.last or size >= BUFFER_BYTES:
                return Piece(b"".join(gathered), piece.last)

    def next(self) -> Piece:
        """Give the next piece. Raises `ClickHouseError`."""
        assert self._rows is not None, "a result that is no stream has one piece"
        _refuse_abandoned(self.abandoned)
        data = self._rows.next()
        if data:
            return Piece(self._encoder.encode(data), last=False)
        return Piece(self._encoder.finish(), last=True)

    def sealed(self, data: bytes) -> bytes:
        """Encode the very last bytes of an answer that an error ends."""
        return self._encoder.encode(data) + self._encoder.finish()

    def end(self) -> None:
        """Give the connection back; cancels what still runs."""
        if not self.entered:
            return
        self.entered = False
        if self._rows is not None:
            self._rows.cancel()
        self._place.leave()

    @property
    def counters(self) -> Counters:
        """What has been read and written so far."""
        return self._rows.counters if self._rows is not None else self._whole

    @property
    def elapsed_ns(self) -> int:
        """How long the statement has taken so far."""
        return time.perf_counter_ns() - self._started


class LoadJob:
    """An INSERT with data: `begin`, `append` as data comes, `finish`, then `end` in any case.

    `entered` says that it holds a connection; setting `abandoned` keeps it from beginning.
    """

    def __init__(self, place: Place, statement: Statement) -> None:
        self._place = place
        self._statement = statement
        self._load: Load | None = None
        self.entered = False
        self.abandoned = False
        self._started = time.perf_counter_ns()
        self.counters = Counters()

    def begin(self) -> None:
        """Open the INSERT. Raises `ClickHouseError`."""
        _refuse_abandoned(self.abandoned)
        connection = self._place.enter()
        self.entered = True
        self._load = connection.load(self._statement.reading_file)

    def append(self, data: bytes) -> None:
        """Keep data until the end. Raises `ClickHouseError`."""
        assert self._load is not None, "begin comes first"
        self._load.append(data)

    def finish(self) -> None:
        """Commit. Raises `ClickHouseError`."""
        assert self._load is not None, "begin comes first"
        self.counters = self._load.finish()

    def all_at_once(self, data: bytes) -> None:
        """Do the whole of a small INSERT. Raises `ClickHouseError`."""
        self.begin()
        if data:
            self.append(data)
        self.finish()
        self.end()

    def end(self) -> None:
        """Give the connection back; an INSERT that is not finished is dropped."""
        if not self.entered:
            return
        self.entered = False
        if self._load is not None:
            self._load.close()
        self._place.leave()

    @property
    def elapsed_ns(self) -> int:
        """How long the statement has taken so far."""
        return time.perf_counter_ns() - self._started


def _refuse_abandoned(abandoned: bool) -> None:
    if abandoned:
        raise ClickHouseError(394, "Query was cancelled.", "QUERY_WAS_CANCELLED")


def _tree(connection: Connection, sql: bytes) -> bytes:
    """Have ClickHouse read a statement; an error in it reads as if the statement had been executed."""
    escaped = sql.replace(b"\\", b"\\\\").replace(b"'", b"\\'")
    try:
        return connection.run(b"SELECT parseQueryToJSON('" + escaped + b"')", "TSVRaw")
    except ClickHouseError as error:
        message = error.message.partition(": In scope SELECT parseQueryToJSON(")[0]
        raise ClickHouseError(error.code, message, error.name) from None


def summary(job: ReadJob | LoadJob) -> str:
    """Write X-ClickHouse-Summary: a JSON object of numbers as strings."""
    counters = job.counters
    values = {
        "read_rows": counters.read_rows,
        "read_bytes": counters.read_bytes,
        "written_rows": counters.written_rows,
        "written_bytes": counters.written_bytes,
        "total_rows_to_read": counters.read_rows,
        "result_rows": counters.result_rows or counters.written_rows,
        "result_bytes": counters.result_bytes or counters.written_bytes,
        "elapsed_ns": job.elapsed_ns,
        "memory_usage": 0,
    }
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in values.items()) + "}"
