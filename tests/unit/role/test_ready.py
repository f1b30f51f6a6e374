"""Telling whoever started a role that it serves."""

from __future__ import annotations

import socket
import tempfile
from typing import TYPE_CHECKING

from sluice.role.ready import Statuses, say_ready, say_status

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_supervisor_hears_that_a_role_is_ready_and_what_it_does(monkeypatch: pytest.MonkeyPatch):
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(f"{short}/n")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{short}/n")
        say_status("loading")
        say_ready()
        assert supervisor.recv(100) == b"STATUS=loading"
        assert supervisor.recv(100) == b"READY=1"


def test_a_health_check_finds_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("READY_FILE", str(tmp_path / "ready"))
    say_ready()
    assert (tmp_path / "ready").exists()


def test_a_supervisor_that_has_gone_does_not_stop_a_role(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    say_ready()
    assert "READY=1" in caplog.text


def test_without_a_supervisor_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    say_ready()


def test_a_status_of_several_lines_is_said_in_one(monkeypatch: pytest.MonkeyPatch):
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(f"{short}/n")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{short}/n")
        say_status("not taken\nREADY=1")
        assert supervisor.recv(100) == b"STATUS=not taken READY=1"


def test_parts_of_a_role_speak_beside_each_other_and_take_back_only_their_own_words():
    said: list[str] = []
    statuses = Statuses(said.append)
    settings_file, partitions = statuses.of("settings file"), statuses.of("partitions")
    partitions("partition 1 is paused")
    settings_file("it is wrong")
    settings_file("it is missing")
    partitions("")
    partitions("")
    settings_file("")
    assert said == [
        "partition 1 is paused",
        "partition 1 is paused; it is wrong",
        "partition 1 is paused; it is missing",
        "it is missing",
        "it is missing",
        "",
    ]
