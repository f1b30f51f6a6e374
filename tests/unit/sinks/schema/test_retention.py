"""How long rows are kept, and when the table has to be told."""

from __future__ import annotations

import pytest

from sluice.contract.errors import Unusable
from sluice.role.settings import load
from sluice.sinks.schema.retention import LEAST_DAYS, retention_statements
from sluice.sinks.settings import MigrateSettings

FOR_EVER = "CREATE TABLE sluice.event_log (`source_timestamp` DateTime64(3, 'UTC')) ENGINE = MergeTree"
FOR_90_DAYS = f"{FOR_EVER} TTL toDateTime(source_timestamp) + toIntervalDay(90) SETTINGS ttl_only_drop_parts = 1"


@pytest.mark.parametrize(("days", "created_by"), [(0, FOR_EVER), (90, FOR_90_DAYS)])
def test_a_table_that_keeps_rows_for_so_long_is_left_alone(days: int, created_by: str):
    assert retention_statements(days, created_by) == []


@pytest.mark.parametrize(("days", "created_by"), [(90, FOR_EVER), (91, FOR_90_DAYS), (9, FOR_90_DAYS)])
def test_a_table_is_told_to_drop_whole_parts_before_it_is_told_when(days: int, created_by: str):
    setting, ttl = retention_statements(days, created_by)
    assert "MODIFY SETTING ttl_only_drop_parts = 1" in setting
    assert ttl.endswith(f"MODIFY TTL toDateTime(source_timestamp) + toIntervalDay({days})")


def test_rows_are_kept_for_ever_again():
    assert retention_statements(0, FOR_90_DAYS) == ["ALTER TABLE sluice.event_log$on_cluster REMOVE TTL"]


def test_the_least_is_a_week_raw_a_week_processed_and_a_month():
    assert LEAST_DAYS == 7 + 7 + 31


@pytest.mark.parametrize("days", [0, LEAST_DAYS, LEAST_DAYS + 1])
def test_a_retention_that_outlives_what_kafka_keeps_is_taken(days: int):
    assert load(MigrateSettings, event_log_ttl_days=days).event_log_ttl_days == days


@pytest.mark.parametrize("days", [1, LEAST_DAYS - 1])
def test_a_retention_under_which_kafka_could_deliver_a_row_again_is_refused(days: int):
    with pytest.raises(Unusable, match=r"SLUICE_EVENT_LOG_TTL_DAYS: must be 0 .* or at least 45"):
        load(MigrateSettings, event_log_ttl_days=days)


def test_a_cluster_that_has_no_name_is_refused():
    with pytest.raises(Unusable, match="SLUICE_CLICKHOUSE_CLUSTER: 'a b' is no name of a cluster"):
        load(MigrateSettings, clickhouse_cluster="a b")
