from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from sluice.contract.errors import Unusable
from sluice.local.kafka.port import free_port
from sluice.local.up.plan import demo_settings_file
from sluice.local.up.preflight import own_directory, provide_settings_file, refuse_full_disk, refuse_taken_ports
from sluice.local.up.settings import UpSettings


def test_a_directory_has_one_owner_until_it_is_released(tmp_path):
    taken = rf"another `sluice up` \(process {os.getpid()}\) is using"
    with own_directory(tmp_path / "new" / "data"), pytest.raises(Unusable, match=taken):
        own_directory(tmp_path / "new" / "data")
    own_directory(tmp_path / "new" / "data").close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable, match=r"data directory .*file cannot be used \(File exists\)"):
        own_directory(tmp_path / "file")


def test_a_full_disk_is_named_by_its_directory(tmp_path):
    with pytest.raises(Unusable, match=rf"the disk of {tmp_path} has \d+ MB left, and the local stack needs \d+ MB"):
        refuse_full_disk(tmp_path, least_free_bytes=10**18)
    refuse_full_disk(tmp_path, least_free_bytes=1)


def test_only_the_ports_of_roles_that_start_matter():
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = UpSettings(
            gateway_port=server.getsockname()[1], clickhouse_port=free_port(), kafka_port=free_port()
        )
        with pytest.raises(Unusable, match=r"for the gateway, is taken .* --gateway-port"):
            refuse_taken_ports(settings, {"gateway", "broker"})
        refuse_taken_ports(settings, {"broker", "clickhouse"})


def test_the_stack_begins_with_a_copy_of_the_demos_projects_for_its_owner_alone(tmp_path):
    provide_settings_file(tmp_path / "sluice.toml")
    assert (tmp_path / "sluice.toml").read_bytes() == Path(demo_settings_file()).read_bytes()
    assert stat.S_IMODE((tmp_path / "sluice.toml").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["sluice.toml"]


def test_projects_that_are_there_already_stay(tmp_path):
    (tmp_path / "sluice.toml").write_text("mine")
    provide_settings_file(tmp_path / "sluice.toml")
    assert (tmp_path / "sluice.toml").read_text() == "mine"
