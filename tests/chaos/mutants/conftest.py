"""A ClickHouse that no other test reads: what mutants leave in it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clickhouse_connect
import pytest
from tests.integration.stack import RoleProcess

from sluice.local.kafka.port import free_port
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def clickhouse_of_mutants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("mutants")
    port = free_port()
    settings = {"SLUICE_CLICKHOUSE_PORT": str(port), "SLUICE_CLICKHOUSE_PATH": str(directory / "clickhouse")}
    process = RoleProcess("clickhouse", directory, settings)
    url = f"http://127.0.0.1:{port}"
    process.start()
    try:
        migrate(url)
        yield url
    finally:
        process.stop()


@pytest.fixture
def clickhouse_url(clickhouse_of_mutants: str) -> str:
    """The URL of a ClickHouse whose tables are empty, and whose views are those of the schema."""
    with clickhouse_connect.get_client(dsn=clickhouse_of_mutants, autogenerate_session_id=False) as client:
        hung = client.query("SELECT name FROM system.tables WHERE database = 'sluice' AND name LIKE 'hung_%'")
        for (name,) in hung.result_rows:
            client.command(f"DROP VIEW sluice.{name} SYNC")
        client.command("TRUNCATE TABLE sluice.event_log SYNC")
        client.command("TRUNCATE TABLES FROM sluice LIKE 'rollup_%'")
    return clickhouse_of_mutants
