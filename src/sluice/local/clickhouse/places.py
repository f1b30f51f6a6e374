"""Where a statement runs: on a fresh connection, or on the one of a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from sluice.local.clickhouse.connection import quoted, quoted_name, setting

if TYPE_CHECKING:
    from sluice.local.clickhouse.connection import Connection, Scope
    from sluice.local.clickhouse.engine import Engine


class Place(Protocol):
    """Lends a connection on which a scope holds. Blocks; used by one thread at a time."""

    def enter(self) -> Connection:
        """Make the scope hold. Raises `ClickHouseError`; then nothing is to be left."""

    def leave(self) -> None:
        """Give the connection back."""


class Fresh:
    """A connection of its own, closed afterwards: nothing of a request survives it."""

    def __init__(self, engine: Engine, scope: Scope) -> None:
        self._engine = engine
        self._scope = scope
        self._connection: Connection | None = None

    def enter(self) -> Connection:
        """Open the connection."""
        connection = self._engine.connect()
        try:
            connection.prepare(self._scope)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def leave(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class InSession:
    """A session's connection: what SET, USE and temporary tables made stays, what the URL set does not."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._undo: list[str] = []

    def enter(self) -> Connection:
        """Remember what the scope changes, then change it."""
        try:
            self._remember()
            self._connection.prepare(self._scope)
        except BaseException:
            self.leave()
            raise
        return self._connection

    def _remember(self) -> None:
        if self._scope.database is not None:
            before = self._connection.run(b"SELECT currentDatabase()", "JSONCompactEachRow")
            self._undo.append(f"USE {quoted_name(json.loads(before)[0])}")
        listed = ", ".join(quoted(setting(name)) for name in self._scope.settings or {})
        if listed:
            rows = self._connection.run(
                f"SELECT name, value, changed FROM system.settings WHERE name IN ({listed})".encode(),  # noqa: S608
                "JSONCompactEachRow",
            )
            for line in rows.splitlines():
                name, value, changed = json.loads(line)
                self._undo.append(f"SET {name} = {quoted(value) if changed else 'DEFAULT'}")

    def leave(self) -> None:
        """Undo what the scope changed."""
        undo, self._undo = self._undo, []
        for statement in undo:
            self._connection.run(statement.encode("utf-8", "surrogateescape"))
