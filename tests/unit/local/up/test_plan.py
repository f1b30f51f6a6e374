from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sluice.cli.up import command as up
from sluice.local.up.plan import LOCAL_STACK, environment, roles, stop_order, without
from sluice.local.up.settings import UpSettings

SETTINGS = UpSettings(
    gateway_port=18080, clickhouse_port=18123, kafka_port=19092, data_dir=Path("/data"), settings_file=None
)


def names(stages):
    return [sorted(entry.name for entry in stage) for stage in stages]


def test_the_stores_come_up_first_then_topics_and_schema_then_those_who_need_them():
    assert names(LOCAL_STACK) == [
        ["broker", "clickhouse"],
        ["schema", "topics"],
        ["gateway", "processors", "sinks"],
    ]


def test_the_gateway_stops_first_and_the_stores_last():
    assert names(stop_order(LOCAL_STACK)) == [["gateway"], ["processors"], ["sinks"], ["broker", "clickhouse"]]


def test_everything_is_gone_within_15_seconds():
    assert max(role.stopped_by_s for role in roles(LOCAL_STACK)) < 15


def test_roles_and_steps_can_be_left_out():
    assert names(without(LOCAL_STACK, ["topics", "schema", "sinks"])) == [
        ["broker", "clickhouse"],
        ["gateway", "processors"],
    ]


def test_leaving_out_what_does_not_exist_is_an_error():
    with pytest.raises(
        ValueError, match="sink is none of broker, clickhouse, topics, schema, gateway, processors, sinks"
    ):
        without(LOCAL_STACK, ["sink"])


def test_the_help_lists_what_can_be_left_out():
    said = " ".join(CliRunner().invoke(up, ["--help"]).output.split())
    assert "separated by commas: broker, clickhouse, topics, schema, gateway, processors, sinks." in said


def test_the_roll_ups_that_an_upgrade_brings_are_filled_before_the_sinks_start():
    [schema] = [entry for stage in LOCAL_STACK[:-1] for entry in stage if entry.name == "schema"]
    assert schema.command[-2:] == ("migrate", "--rebuild")


def test_all_roles_are_told_the_same_addresses():
    told = environment(SETTINGS, {})
    assert told["SLUICE_KAFKA_BOOTSTRAP"] == "127.0.0.1:19092"
    assert told["SLUICE_KAFKA_PORT"] == "19092"
    assert told["SLUICE_CLICKHOUSE_URL"] == "http://127.0.0.1:18123"
    assert told["SLUICE_CLICKHOUSE_PORT"] == "18123"
    assert told["SLUICE_CLICKHOUSE_PATH"] == "/data/clickhouse"
    assert told["SLUICE_GATEWAY_PORT"] == "18080"
    assert told["SLUICE_DATA_DIR"] == "/data"


def test_the_stacks_own_projects_hold_unless_the_user_has_a_file():
    assert environment(SETTINGS, {})["SLUICE_SETTINGS_FILE"] == "/data/sluice.toml"
    own = SETTINGS.model_copy(update={"settings_file": Path("/mine.toml")})
    assert environment(own, {})["SLUICE_SETTINGS_FILE"] == "/mine.toml"


def test_what_the_user_set_for_one_role_passes_through():
    told = environment(SETTINGS, {"SLUICE_CLICKHOUSE_STOP_TIMEOUT_S": "9", "PATH": "/bin"})
    assert told["SLUICE_CLICKHOUSE_STOP_TIMEOUT_S"] == "9"
    assert told["PATH"] == "/bin"


def test_the_three_ports_must_differ():
    with pytest.raises(ValueError, match="three different ports"):
        UpSettings(gateway_port=9092)
