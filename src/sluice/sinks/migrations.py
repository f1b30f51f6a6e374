"""Numbered SQL migrations: the schema is made and changed by the files in `schema/`, each applied once, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from sluice.contract.errors import Retry, Unusable
from sluice.role.address import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

_NAME = re.compile(r"(\d{3})_\w+\.sql")
_MAKES = r"^CREATE (?:(?:TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|OR REPLACE VIEW) sluice\.(\w+)"

# What the files leave open, for a ClickHouse that is one server.
_SINGLE_NODE = {
    "on_cluster": "",
    "replicated": "",
    "deduplication_window": "non_replicated_deduplication_window = 1000000",
}

_APPLIED = """
CREATE TABLE IF NOT EXISTS sluice.migrations
(
    name String COMMENT 'file of the migration',
    sha256 String COMMENT 'hash of its text when it was applied',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when'
)
ENGINE = MergeTree ORDER BY name
COMMENT 'migrations of the schema that were applied'
"""


@dataclass(frozen=True)
class Migration:
    """One file: statements that end in a semicolon at the end of a line."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Give the hash by which a change of an applied migration is seen."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Give the statements, in order."""
        return [
            statement.strip() for statement in re.split(r";\s*$", self.text, flags=re.MULTILINE) if statement.strip()
        ]

    @property
    def makes(self) -> set[str]:
        """Give the names of the tables and views that it makes."""
        return set(re.findall(_MAKES, self.text, flags=re.MULTILINE))


def packaged() -> list[Migration]:
    """Give the migrations that come with this version, in order."""
    files = sorted(resources.files("sluice.sinks").joinpath("schema").iterdir(), key=lambda file: file.name)
    return [
        Migration(file.name, Template(file.read_text("utf-8")).substitute(_SINGLE_NODE))
        for file in files
        if _NAME.fullmatch(file.name)
    ]


def pending(migrations: Iterable[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """Give the migrations that are still to be applied; `applied` holds the hashes of those that were, by name.

    Raises `Unusable` when an applied one was changed or is not known here.
    """
    known = {migration.name: migration for migration in migrations}
    for name, applied_hash in sorted(applied.items()):
        if name not in known:
            raise Unusable(f"ClickHouse has migration {name}, which this version lacks: run a version that has it")
        if known[name].sha256 != applied_hash:
            raise Unusable(
                f"migration {name} was changed after it was applied: restore it, and make a new one instead"
            )
    return [migration for migration in known.values() if migration.name not in applied]


def migrate(url: str) -> Sequence[str]:
    """Bring the database `sluice` at `url` up to date; give the names of the migrations that were applied now.

    Every statement can be repeated, so a migration that broke off is applied again. Raises `Unusable` when it cannot
    be applied, and `Retry` while ClickHouse cannot be reached.
    """
    try:
        client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False, connect_timeout=5)
    except (ClickHouseError, HTTPError, OSError) as error:
        raise Retry(f"ClickHouse at {without_credentials(url)} does not answer: {error}") from error
    with client:
        try:
            client.command("CREATE DATABASE IF NOT EXISTS sluice")
            client.command(_APPLIED)
            rows = client.query("SELECT name, sha256 FROM sluice.migrations").result_rows
            applied = {str(name): str(applied_hash) for name, applied_hash in rows}
            _refuse_missing(client, applied)
            return [_apply(client, migration) for migration in pending(packaged(), applied)]
        except ClickHouseError as error:
            raise Unusable(f"ClickHouse refuses the schema: {error}") from error


def _refuse_missing(client: Client, applied: Mapping[str, str]) -> None:
    made = {name for migration in packaged() if migration.name in applied for name in migration.makes}
    tables = client.query("SELECT name FROM system.tables WHERE database = 'sluice'").result_rows
    if missing := sorted(made - {str(name) for (name,) in tables}):
        names = ", ".join(f"sluice.{name}" for name in missing)
        raise Unusable(
            f"ClickHouse lacks {names}, although migrations have made it: restore it from a backup, "
            "or drop the database sluice to start with an empty one"
        )


def _apply(client: Client, migration: Migration) -> str:
    for statement in migration.statements:
        client.command(statement)
    client.insert("migrations", [[migration.name, migration.sha256]], ["name", "sha256"], database="sluice")
    return migration.name
