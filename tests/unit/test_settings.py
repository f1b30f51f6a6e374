"""Settings: documented, and a mistake in one is a clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sluice.cli.main import COMMANDS
from sluice.cli.settings import MODELS, document
from sluice.contract.errors import Unusable
from sluice.gateway.settings import GatewaySettings
from sluice.local.up.settings import UpSettings
from sluice.role.settings import PREFIX, load, refuse_unknown, variable

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_is_up_to_date():
    assert (ROOT / "docs" / "settings.md").read_text() == document()


def test_every_command_has_its_settings_on_the_page():
    assert {command.split()[1] for command in MODELS} == set(COMMANDS)


@pytest.mark.parametrize("command", MODELS)
def test_every_setting_says_what_it_means(command: str):
    for name, field in MODELS[command].model_fields.items():
        assert field.description, name


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_GATEWAY_PORT", "8081")
    assert load(GatewaySettings).gateway_port == 8081


def test_an_option_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_GATEWAY_PORT", "8081")
    assert load(GatewaySettings, gateway_port=8082, gateway_host=None).gateway_port == 8082


@pytest.mark.parametrize("wrong", ["eighty", "-1", "65536", "8080.5"])
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch, wrong: str):
    monkeypatch.setenv("SLUICE_GATEWAY_PORT", wrong)
    with pytest.raises(Unusable, match=r"^SLUICE_GATEWAY_PORT: "):
        load(GatewaySettings)


def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant():
    with pytest.raises(
        Unusable, match="SLUICE_GATEWAY_PROT is not a setting of Sluice; did you mean SLUICE_GATEWAY_PORT"
    ):
        refuse_unknown(MODELS.values(), {"SLUICE_GATEWAY_PROT": "1"})


def test_other_peoples_variables_are_left_alone():
    refuse_unknown(MODELS.values(), {"PATH": "/bin", "SLUICE_GATEWAY_PORT": "1"})


def test_the_compose_file_runs_commands_and_settings_that_exist():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    known = {variable(name) for model in MODELS.values() for name in model.model_fields}
    ours = {name: service for name, service in services.items() if service["image"].startswith("sluice:")}
    assert {"gateway", "processors", "sinks", "topics", "schema", "keys"} == set(ours)
    for service in ours.values():
        assert [*service.get("entrypoint", ["sluice"])[1:], *service["command"]][0] in COMMANDS
        assert {name for name in service["environment"] if name.startswith(PREFIX)} <= known


def test_the_compose_file_waits_for_what_a_service_needs():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            expected = (
                "service_completed_successfully" if services[needed].get("restart") == "no" else "service_healthy"
            )
            assert how["condition"] == expected, (name, needed)
        assert "healthcheck" in service or service["restart"] == "no", name


@pytest.mark.parametrize("bootstrap", ["", "h:abc", ":9092", "a b:1", "localhost:99999", "h:0", "a:1,", "a:1,b"])
def test_a_broker_address_that_cannot_be_one_is_refused(bootstrap: str):
    with pytest.raises(Unusable, match=r"^SLUICE_KAFKA_BOOTSTRAP: must be host:port"):
        load(GatewaySettings, kafka_bootstrap=bootstrap)


@pytest.mark.parametrize(
    "bootstrap", ["localhost:9092", "127.0.0.1:1", "[::1]:9092", "kafka-1.example:9092,kafka_2:65535"]
)
def test_broker_addresses_are_taken(bootstrap: str):
    assert load(GatewaySettings, kafka_bootstrap=bootstrap).kafka_bootstrap == bootstrap


def test_a_problem_of_several_settings_has_no_variable_before_it():
    with pytest.raises(Unusable, match=r"^gateway, ClickHouse and Kafka need three different ports"):
        load(UpSettings, gateway_port=8123)
