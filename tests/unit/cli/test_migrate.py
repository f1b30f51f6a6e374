"""`sluice migrate --print`: the schema as SQL, without a ClickHouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from sluice.cli.migrate import command
from sluice.sinks.schema.layout import Cluster, SingleServer
from sluice.sinks.schema.migration import script

if TYPE_CHECKING:
    import pytest


def test_the_schema_is_printed_and_nobody_is_asked():
    printed = CliRunner().invoke(command, ["--print", "--clickhouse-url", "http://127.0.0.1:1"])
    assert (printed.exit_code, printed.output) == (0, script(SingleServer()))


def test_the_schema_is_printed_for_the_cluster_that_is_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_CLICKHOUSE_CLUSTER", "main")
    assert CliRunner().invoke(command, ["--print"]).output == script(Cluster("main"))
