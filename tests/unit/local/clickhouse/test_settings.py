"""Where the embedded ClickHouse keeps its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.local.clickhouse.settings import ClickHouseSettings
from sluice.role.settings import load


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLUICE_DATA_DIR", "SLUICE_CLICKHOUSE_PATH"):
        monkeypatch.delenv(name, raising=False)


def test_its_data_are_with_the_local_stacks():
    assert load(ClickHouseSettings).directory == Path(".sluice/clickhouse")


def test_it_follows_the_data_directory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_DATA_DIR", "/elsewhere")
    assert load(ClickHouseSettings).directory == Path("/elsewhere/clickhouse")


def test_a_path_of_its_own_wins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_DATA_DIR", "/elsewhere")
    monkeypatch.setenv("SLUICE_CLICKHOUSE_PATH", "/fast")
    assert load(ClickHouseSettings).directory == Path("/fast")
