"""A ClickHouse of these tests' own: they break its views, constrain its tables and kill it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from tests.integration.stack import RoleProcess

from sluice.local.kafka.port import free_port
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class OwnClickHouse(RoleProcess):
    """A real ClickHouse as a process of its own, at `url`."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(
            "clickhouse",
            directory,
            {
                "SLUICE_CLICKHOUSE_HOST": "127.0.0.1",
                "SLUICE_CLICKHOUSE_PORT": str(port),
                "SLUICE_CLICKHOUSE_PATH": str(directory / "clickhouse"),
            },
        )

    def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Ask for rows."""
        with clickhouse_connect.get_client(dsn=self.url) as client:
            return [tuple(row) for row in client.query(sql, parameters).result_rows]

    def command(self, sql: str) -> None:
        """Execute a statement that gives no rows."""
        with clickhouse_connect.get_client(dsn=self.url) as client:
            client.command(sql)


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnClickHouse]:
    own = OwnClickHouse(tmp_path_factory.mktemp("clickhouse"))
    try:
        own.start()
        migrate(own.url)
        yield own
    finally:
        own.stop()
