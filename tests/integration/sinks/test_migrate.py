"""The schema on a real ClickHouse: made once, repeated where it broke off, and missed when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from sluice.contract.errors import Retry, Unusable
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.migrations import migrate
from sluice.sinks.schema.layout import Cluster, SingleServer
from sluice.sinks.schema.migration import packaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

ALL = [migration.name for migration in packaged()]
STATEMENTS = [statement for migration in packaged() for statement in migration.statements(SingleServer())]


@pytest.fixture
def client(empty_clickhouse: str) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=empty_clickhouse) as client:
        yield client


def made(client: Client) -> list[tuple[str, str]]:
    """Everything that the database holds, but for the log of migrations, as it would be made again."""
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = 'sluice' AND name != 'migrations'"
        " ORDER BY name"
    ).result_rows
    return [(str(name), str(query)) for name, query in rows]


def test_migrations_are_applied_once(empty_clickhouse: str):
    first, second = migrate(empty_clickhouse), migrate(empty_clickhouse)
    assert (first.applied, second.applied) == (ALL, [])
    assert (first.notes, second.notes) == ([], [])


def test_every_table_view_and_column_explains_itself(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    tables = "SELECT name FROM system.tables WHERE database = 'sluice' AND comment = ''"
    columns = "SELECT table || '.' || name FROM system.columns WHERE database = 'sluice' AND comment = ''"
    assert client.query(f"{tables} UNION ALL {columns}").result_rows == []


def test_what_sinks_try_a_row_on_has_the_columns_of_the_event_log(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    rows = client.query(
        "SELECT groupArray((name, type, default_expression)) FROM (SELECT * FROM system.columns"
        " WHERE database = 'sluice' AND table IN ('event_log', 'event_log_trial') ORDER BY position) GROUP BY table"
    ).result_rows
    assert len(rows) == 2
    assert rows[0] == rows[1]


def test_what_is_fed_is_some_of_the_event_log_and_who_lacks_it(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    fed = "SELECT name, type FROM system.columns WHERE database = 'sluice' AND table = '{}'"
    assert client.query(f"{fed.format('feed')} EXCEPT {fed.format('event_log')}").result_rows == [
        ("lacking", "Array(LowCardinality(String))")
    ]


def test_a_table_that_roll_ups_are_kept_in_drops_a_block_that_is_repeated(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    rows = client.query(
        "SELECT name FROM system.tables WHERE database = 'sluice' AND (name = 'event_log' OR name LIKE 'rollup%')"
        " AND create_table_query NOT LIKE '%non_replicated_deduplication_window = 1000000%'"
    ).result_rows
    assert rows == []


def test_no_column_that_names_a_person_stands_in_a_key(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    rows = client.query(
        "SELECT name, arrayJoin(splitByRegexp('[^a-z_]+', concat(sorting_key, ' ', partition_key))) AS column"
        " FROM system.tables WHERE database = 'sluice' AND engine LIKE '%MergeTree'"
    ).result_rows
    personal = {"user_id", "anonymous_id", "session_id", "url", "referrer", "ip", "user_agent", "order_id", "email"}
    assert ("event_log", "visitor_id") in rows
    assert [(table, column) for table, column in rows if column in personal] == []


async def test_without_the_table_a_sink_is_told_to_retry(empty_clickhouse: str):
    with pytest.raises(Retry, match="run sluice migrate"):
        await ClickHouseEventLog(empty_clickhouse).check()
    migrate(empty_clickhouse)
    await ClickHouseEventLog(empty_clickhouse).check()


def test_a_table_that_is_gone_is_named(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    client.command("DROP TABLE sluice.event_log")
    with pytest.raises(Unusable, match=r"lacks sluice\.event_log, although migrations have made it"):
        migrate(empty_clickhouse)


def test_a_migration_that_was_changed_is_refused(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    client.command("ALTER TABLE sluice.migrations UPDATE sha256 = 'other' WHERE 1", settings={"mutations_sync": 1})
    with pytest.raises(Unusable, match=r"001_event_log\.sql was changed after it was applied"):
        migrate(empty_clickhouse)


def test_a_migration_that_broke_off_is_applied_again(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    whole = made(client)
    for done in (1, *range(2, len(STATEMENTS), 6), len(STATEMENTS)):
        client.command("DROP DATABASE sluice")
        client.command("CREATE DATABASE sluice")
        for statement in STATEMENTS[:done]:
            client.command(statement)
        assert migrate(empty_clickhouse).applied == ALL
        assert made(client) == whole


def test_a_migration_that_failed_says_why_and_nothing_after_it_is_applied(empty_clickhouse: str, client: Client):
    client.command("CREATE DATABASE IF NOT EXISTS sluice")
    client.command("CREATE TABLE sluice.feed (project String) ENGINE = Null")
    with pytest.raises(Unusable, match=r"003_rollups\.sql failed at statement \d+ of \d+: .*UNKNOWN_IDENTIFIER"):
        migrate(empty_clickhouse)
    states = client.query("SELECT name, state FROM sluice.migrations ORDER BY applied_at").result_rows
    assert states[-2:] == [("003_rollups.sql", "started"), ("003_rollups.sql", "failed")]


def test_a_migration_that_failed_goes_through_once_its_cause_is_mended(empty_clickhouse: str, client: Client):
    client.command("CREATE DATABASE IF NOT EXISTS sluice")
    client.command("CREATE TABLE sluice.feed (project String) ENGINE = Null")
    with pytest.raises(Unusable):
        migrate(empty_clickhouse)
    client.command("DROP TABLE sluice.feed")
    mended = migrate(empty_clickhouse)
    assert mended.applied == ALL[2:]
    assert "003_rollups.sql failed at" in mended.notes[0]
    assert migrate(empty_clickhouse).notes == []


def test_a_database_that_knows_no_states_of_migrations_goes_on(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    client.command("ALTER TABLE sluice.migrations DELETE WHERE state = 'started'", settings={"mutations_sync": 1})
    client.command("ALTER TABLE sluice.migrations DROP COLUMN state, DROP COLUMN reason")
    assert migrate(empty_clickhouse).applied == []


def test_a_table_with_rows_takes_the_migrations_that_came_later(empty_clickhouse: str, client: Client):
    client.command("CREATE DATABASE IF NOT EXISTS sluice")
    for statement in packaged()[0].statements(SingleServer()):
        client.command(statement)
    client.command("INSERT INTO sluice.event_log (project, outcome) VALUES ('shop', 'stored'), ('shop', 'bot')")
    assert migrate(empty_clickhouse).notes == []
    assert client.query("SELECT raw_line FROM sluice.rejected_events").result_rows == [("",)]
    assert client.query("SELECT count() FROM sluice.events").result_rows == [(1,)]
    assert client.query("SELECT * FROM sluice.users").result_rows == []


def test_a_database_of_a_single_server_is_not_taken_for_a_clusters(empty_clickhouse: str):
    migrate(empty_clickhouse)
    with pytest.raises(Unusable, match="made with MergeTree tables, which SLUICE_CLICKHOUSE_CLUSTER contradicts"):
        migrate(empty_clickhouse, Cluster("main"))


def test_rows_are_kept_as_long_as_is_said_last(empty_clickhouse: str, client: Client):
    for days in (0, 90, 90, 60, 0):
        migrate(empty_clickhouse, retention_days=days)
        ttl = f"TTL toDateTime(source_timestamp) + toIntervalDay({days})"
        assert (ttl in dict(made(client))["event_log"]) == (days > 0)


def test_a_part_goes_whole_once_its_latest_row_is_too_old(empty_clickhouse: str, client: Client):
    migrate(empty_clickhouse)
    client.command(
        "INSERT INTO sluice.event_log (project, source_timestamp)"
        " SELECT 'old', now() - INTERVAL 200 DAY UNION ALL SELECT 'half', now() - INTERVAL number DAY"
        " FROM numbers(2) AS days WHERE toYYYYMM(now()) = toYYYYMM(now() - INTERVAL number DAY)"
    )
    migrate(empty_clickhouse, retention_days=90)
    client.command("OPTIMIZE TABLE sluice.event_log FINAL")
    rows = client.query("SELECT DISTINCT project FROM sluice.event_log").result_rows
    assert rows == [("half",)]
