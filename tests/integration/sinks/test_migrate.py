"""The schema on a real ClickHouse: made once, and missed when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clickhouse_connect
import pytest
from tests.integration.stack import RoleProcess

from sluice.contract.errors import Retry, Unusable
from sluice.local.kafka.port import free_port
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.migrations import migrate, packaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    settings = {"SLUICE_CLICKHOUSE_PORT": str(port), "SLUICE_CLICKHOUSE_PATH": str(tmp_path / "clickhouse")}
    process = RoleProcess("clickhouse", tmp_path, settings)
    process.start()
    yield f"http://127.0.0.1:{port}"
    process.stop()


def test_migrations_are_applied_once_and_every_column_explains_itself(url: str):
    assert migrate(url) == [migration.name for migration in packaged()]
    assert migrate(url) == []
    with clickhouse_connect.get_client(dsn=url) as client:
        unexplained = (
            "SELECT name FROM system.columns WHERE database = 'sluice' AND table = 'event_log' AND comment = ''"
        )
        assert client.query(unexplained).result_rows == []


async def test_without_the_table_a_sink_is_told_to_retry(url: str):
    with pytest.raises(Retry, match="UNKNOWN"):
        await ClickHouseEventLog(url).check()
    migrate(url)
    await ClickHouseEventLog(url).check()


def test_a_table_that_is_gone_is_named(url: str):
    migrate(url)
    with clickhouse_connect.get_client(dsn=url) as client:
        client.command("DROP TABLE sluice.event_log")
    with pytest.raises(Unusable, match=r"lacks sluice\.event_log, although migrations have made it"):
        migrate(url)


def test_a_migration_that_was_changed_is_refused(url: str):
    migrate(url)
    with clickhouse_connect.get_client(dsn=url) as client:
        client.command(
            "ALTER TABLE sluice.migrations UPDATE sha256 = 'other' WHERE 1", settings={"mutations_sync": 1}
        )
    with pytest.raises(Unusable, match=r"001_event_log\.sql was changed after it was applied"):
        migrate(url)
