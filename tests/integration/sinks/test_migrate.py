"""The schema on a real ClickHouse: made once, and missed when it is gone."""

from __future__ import annotations

import clickhouse_connect
import pytest

from sluice.contract.errors import Retry, Unusable
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.migrations import migrate, packaged


def test_migrations_are_applied_once_and_every_column_explains_itself(empty_clickhouse: str):
    assert migrate(empty_clickhouse) == [migration.name for migration in packaged()]
    assert migrate(empty_clickhouse) == []
    with clickhouse_connect.get_client(dsn=empty_clickhouse) as client:
        unexplained = (
            "SELECT name FROM system.columns WHERE database = 'sluice' AND table = 'event_log' AND comment = ''"
        )
        assert client.query(unexplained).result_rows == []


async def test_without_the_table_a_sink_is_told_to_retry(empty_clickhouse: str):
    with pytest.raises(Retry, match="UNKNOWN"):
        await ClickHouseEventLog(empty_clickhouse).check()
    migrate(empty_clickhouse)
    await ClickHouseEventLog(empty_clickhouse).check()


def test_a_table_that_is_gone_is_named(empty_clickhouse: str):
    migrate(empty_clickhouse)
    with clickhouse_connect.get_client(dsn=empty_clickhouse) as client:
        client.command("DROP TABLE sluice.event_log")
    with pytest.raises(Unusable, match=r"lacks sluice\.event_log, although migrations have made it"):
        migrate(empty_clickhouse)


def test_a_migration_that_was_changed_is_refused(empty_clickhouse: str):
    migrate(empty_clickhouse)
    with clickhouse_connect.get_client(dsn=empty_clickhouse) as client:
        client.command(
            "ALTER TABLE sluice.migrations UPDATE sha256 = 'other' WHERE 1", settings={"mutations_sync": 1}
        )
    with pytest.raises(Unusable, match=r"001_event_log\.sql was changed after it was applied"):
        migrate(empty_clickhouse)


def test_a_migration_that_broke_off_before_it_was_noted_is_applied_again(empty_clickhouse: str):
    migrate(empty_clickhouse)
    with clickhouse_connect.get_client(dsn=empty_clickhouse) as client:
        client.command("TRUNCATE TABLE sluice.migrations")
    assert migrate(empty_clickhouse) == [migration.name for migration in packaged()]


def test_a_table_with_rows_takes_the_migrations_that_came_later(empty_clickhouse: str):
    with clickhouse_connect.get_client(dsn=empty_clickhouse) as client:
        client.command("CREATE DATABASE IF NOT EXISTS sluice")
        for statement in packaged()[0].statements:
            client.command(statement)
        client.command("INSERT INTO sluice.event_log (project, outcome) VALUES ('shop', 'stored'), ('shop', 'bot')")
        migrate(empty_clickhouse)
        assert client.query("SELECT raw_line FROM sluice.rejected_events").result_rows == [("",)]
        assert client.query("SELECT count() FROM sluice.events").result_rows == [(1,)]
        assert client.query("SELECT * FROM sluice.users").result_rows == []
