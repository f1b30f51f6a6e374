"""What forbids the gateway's start, each with one clear sentence."""

from __future__ import annotations

import socket
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from sluice.contract.errors import Unusable
from sluice.gateway.main import load_projects
from sluice.gateway.serve import serving
from sluice.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from pathlib import Path


def settings(**changes: object) -> GatewaySettings:
    return GatewaySettings.model_validate(changes)


def demo_text() -> str:
    return files("sluice.local").joinpath("demo.toml").read_text("utf-8")


def test_the_local_stack_has_its_own_projects():
    assert set(load_projects(settings(local=True)).projects) == {"demo", "load"}


def test_without_a_settings_file_it_does_not_start():
    with pytest.raises(Unusable, match="SLUICE_SETTINGS_FILE"):
        load_projects(settings())


def test_a_missing_settings_file_is_named(tmp_path: Path):
    with pytest.raises(Unusable, match=r"nothing\.toml: No such file"):
        load_projects(settings(settings_file=tmp_path / "nothing.toml"))


@pytest.mark.parametrize("content", [b"salt = ", b"\xff"])
def test_a_settings_file_that_is_not_toml_is_refused(tmp_path: Path, content):
    path = tmp_path / "sluice.toml"
    path.write_bytes(content)
    with pytest.raises(Unusable, match="is not TOML"):
        load_projects(settings(settings_file=path))


@pytest.mark.parametrize(
    "where",
    [
        {"local": False},
        {"local": True, "gateway_host": "0.0.0.0"},
        {"local": True, "gateway_host": "192.0.2.1"},
        {"local": False, "gateway_host": "127.0.0.1"},
    ],
)
def test_the_demo_keys_are_good_on_this_machine_only(tmp_path: Path, where):
    path = tmp_path / "sluice.toml"
    path.write_text(demo_text())
    with pytest.raises(Unusable, match="demo keys"):
        load_projects(settings(settings_file=path, **where))


@pytest.mark.parametrize("name", ["demo secret", "demo public", "load secret"])
def test_one_demo_key_in_another_file_is_enough_to_refuse_it(tmp_path: Path, name):
    projects = load_projects(settings(local=True))
    (known,) = [key.hash for project in projects.projects.values() for key in project.keys if key.name == name]
    path = tmp_path / "sluice.toml"
    entry = f'{{name = "k", kind = "secret", hash = "{known}"}}'
    path.write_text(f'salt = "{projects.salt}"\n[projects.shop]\nkeys = [{entry}]\n')
    with pytest.raises(Unusable, match="demo keys"):
        load_projects(settings(settings_file=path))


async def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unusable, match=f"port {port}.*in use.*SLUICE_GATEWAY_PORT"):
            async with serving(web.Application(), "127.0.0.1", port):
                pass
