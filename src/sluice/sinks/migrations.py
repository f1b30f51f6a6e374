"""Bringing the database `sluice` up to date: the migrations in `schema/`, each applied once, in order.

Every statement of a migration can be repeated. So one that broke off, or failed, is applied again from its start, and
none after it before it is through. `sluice.migrations` keeps each start and how it ended. See decision 14.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from urllib3.exceptions import HTTPError

from sluice.contract.errors import Retry, Unusable
from sluice.role.address import without_credentials
from sluice.sinks.schema.layout import SingleServer
from sluice.sinks.schema.migration import packaged, pending
from sluice.sinks.schema.retention import CREATED_BY, retention_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from sluice.sinks.schema.layout import Layout
    from sluice.sinks.schema.migration import Migration

# What ends a statement although nothing is wrong with it: TIMEOUT_EXCEEDED, NO_ZOOKEEPER, MEMORY_LIMIT_EXCEEDED,
# TABLE_IS_READ_ONLY, UNFINISHED (a replica is away), KEEPER_EXCEPTION. Without a code nobody answered.
_PASSING = {None, 159, 225, 241, 242, 341, 999}

_LOG = """
CREATE TABLE IF NOT EXISTS sluice.migrations$on_cluster
(
    name String COMMENT 'file of the migration',
    sha256 String COMMENT 'hash of its text when it was applied',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when'
)
ENGINE = ${replicated}MergeTree ORDER BY name
COMMENT 'migrations of the schema that were applied'
"""
_LOG_STATES = """
ALTER TABLE sluice.migrations$on_cluster
    ADD COLUMN IF NOT EXISTS state LowCardinality(String) DEFAULT 'applied' COMMENT 'started, failed or applied',
    ADD COLUMN IF NOT EXISTS reason String COMMENT 'why it failed, in ClickHouse''s words'
"""
_LAST_FAILURES = """
SELECT name, argMax(reason, applied_at), max(applied_at) FROM sluice.migrations WHERE state = 'failed' GROUP BY name
"""


@dataclass(frozen=True)
class Migrated:
    """What `migrate` did: the names of the migrations that it applied, and what it has to say about them."""

    applied: Sequence[str]
    notes: Sequence[str]


def migrate(url: str, layout: Layout | None = None, retention_days: int = 0) -> Migrated:
    """Bring the database `sluice` at `url` up to date, on a single server unless `layout` says otherwise.

    `event_log` keeps its rows for `retention_days`; 0 means for ever. Raises `Unusable` when something must be done
    first, and `Retry` while ClickHouse cannot be reached or is too busy.
    """
    with _errors_named(url), _connect(url) as client:
        return _Migration(client, layout or SingleServer()).bring_up_to_date(retention_days)


def _connect(url: str) -> Client:
    return clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False, connect_timeout=5)


@contextmanager
def _errors_named(url: str) -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, HTTPError, OSError) as error:
        if _passes(error):
            raise Retry(f"ClickHouse at {without_credentials(url)} does not answer: {error}") from error
        raise Unusable(f"ClickHouse refuses the schema: {error}") from error


def _passes(error: Exception) -> bool:
    return not isinstance(error, Error) or error.code in _PASSING


class _Migration:
    """One run of `migrate` on one connection."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def bring_up_to_date(self, retention_days: int) -> Migrated:
        _refuse_other_layout(self._client, self._layout)
        for template in ("CREATE DATABASE IF NOT EXISTS sluice$on_cluster", _LOG, _LOG_STATES):
            self._command(template)
        applied = self._applied()
        _refuse_missing(self._client, applied)
        notes = self._failures_before(applied)
        new = pending(packaged(), applied)
        for migration in new:
            self._apply(migration)
        self._keep_for(retention_days)
        return Migrated([migration.name for migration in new], notes)

    def _command(self, template: str) -> None:
        self._client.command(self._layout.render(template))

    def _applied(self) -> Mapping[str, str]:
        rows = self._client.query("SELECT name, sha256 FROM sluice.migrations WHERE state = 'applied'").result_rows
        return {str(name): str(applied_hash) for name, applied_hash in rows}

    def _failures_before(self, applied: Mapping[str, str]) -> list[str]:
        rows = self._client.query(_LAST_FAILURES).result_rows
        return [
            f"{name} failed at {at:%Y-%m-%d %H:%M:%S} UTC and was repeated now; it had failed for: {reason}"
            for name, reason, at in rows
            if name not in applied
        ]

    def _apply(self, migration: Migration) -> None:
        self._note(migration, "started")
        for number, statement in enumerate(statements := migration.statements(self._layout), 1):
            try:
                self._client.command(statement)
            except Error as error:
                if _passes(error):
                    raise
                self._note(migration, "failed", str(error))
                raise Unusable(
                    f"migration {migration.name} failed at statement {number} of {len(statements)}: {error}\n"
                    "Nothing after it was applied. Mend the cause and run `sluice migrate` again: it repeats the "
                    "migration from its start, which harms nothing."
                ) from error
        self._note(migration, "applied")

    def _note(self, migration: Migration, state: str, reason: str = "") -> None:
        row = [migration.name, migration.sha256, state, reason]
        self._client.insert("migrations", [row], ["name", "sha256", "state", "reason"], database="sluice")

    def _keep_for(self, days: int) -> None:
        for template in retention_statements(days, str(self._client.command(CREATED_BY))):
            self._command(template)


def _refuse_other_layout(client: Client, layout: Layout) -> None:
    tables = client.query("SELECT engine FROM system.tables WHERE database = 'sluice' AND name = 'migrations'")
    for (engine,) in tables.result_rows:
        if engine != layout.render("${replicated}MergeTree"):
            raise Unusable(
                f"the database sluice was made with {engine} tables, which SLUICE_CLICKHOUSE_CLUSTER contradicts: "
                "set it as it was, or move the tables as docs/schema.md says"
            )


def _refuse_missing(client: Client, applied: Mapping[str, str]) -> None:
    made = {name for migration in packaged() if migration.name in applied for name in migration.makes}
    tables = client.query("SELECT name FROM system.tables WHERE database = 'sluice'").result_rows
    if missing := sorted(made - {str(name) for (name,) in tables}):
        names = ", ".join(f"sluice.{name}" for name in missing)
        raise Unusable(
            f"ClickHouse lacks {names}, although migrations have made it: restore it from a backup, "
            "or drop the database sluice to start with an empty one"
        )
