"""The settings file of a gateway: what forbids its start."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Unusable
from sluice.gateway.settings import GatewaySettings
from sluice.gateway.settings_file import settings_file

if TYPE_CHECKING:
    from pathlib import Path

    from sluice.contract import projects


def settings(**changes: object) -> GatewaySettings:
    return GatewaySettings.model_validate(changes)


def demo_text() -> str:
    return files("sluice.local").joinpath("demo.toml").read_text("utf-8")


def load(**changes: object) -> projects.Projects:
    file = settings_file(settings(**changes))
    return file.parse(file.read())


class TestAtTheStart:
    def test_the_local_stack_has_its_own_projects(self):
        assert set(load(local=True).projects) == {"demo", "load"}

    def test_without_a_settings_file_it_does_not_start(self):
        with pytest.raises(Unusable, match=r"SLUICE_SETTINGS_FILE.*sluice keys create"):
            load()

    def test_a_missing_settings_file_is_named(self, tmp_path: Path):
        with pytest.raises(Unusable, match=r"nothing\.toml: No such file"):
            load(settings_file=tmp_path / "nothing.toml")

    @pytest.mark.parametrize("content", [b"salt = ", b"\xff", b"x = " + b"[" * 100_000, b"x = " + b"9" * 5000])
    def test_a_settings_file_that_is_not_toml_is_refused(self, tmp_path: Path, content):
        path = tmp_path / "sluice.toml"
        path.write_bytes(content)
        with pytest.raises(Unusable, match="is not TOML"):
            load(settings_file=path)

    @pytest.mark.parametrize(
        "where",
        [
            {"local": False},
            {"local": True, "gateway_host": "0.0.0.0"},
            {"local": True, "gateway_host": "192.0.2.1"},
            {"local": False, "gateway_host": "127.0.0.1"},
        ],
    )
    def test_the_demo_keys_are_good_on_this_machine_only(self, tmp_path: Path, where):
        path = tmp_path / "sluice.toml"
        path.write_text(demo_text())
        with pytest.raises(Unusable, match="demo keys"):
            load(settings_file=path, **where)

    @pytest.mark.parametrize("name", ["demo secret", "demo public", "load secret"])
    def test_one_demo_key_in_another_file_is_enough_to_refuse_it(self, tmp_path: Path, name):
        parsed = load(local=True)
        (known,) = [key.hash for project in parsed.projects.values() for key in project.keys if key.name == name]
        path = tmp_path / "sluice.toml"
        entry = f'{{name = "k", kind = "secret", hash = "{known}"}}'
        path.write_text(f'salt = "{parsed.salt}"\n[projects.shop]\nkeys = [{entry}]\n')
        with pytest.raises(Unusable, match="demo keys"):
            load(settings_file=path)
