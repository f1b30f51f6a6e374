"""The schema for a cluster: held by a golden file, and read by ClickHouse's own parser.

After a new migration: SLUICE_CLICKHOUSE_CLUSTER='{cluster}' sluice migrate --print > tests/golden/schema/cluster.sql
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from sluice.sinks.schema.layout import Cluster, SingleServer
from sluice.sinks.schema.migration import packaged, script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client
    from tests.integration.stack import Stack

GOLDEN = Path(__file__).parents[2] / "golden/schema/cluster.sql"
LAYOUT = Cluster("{cluster}")
STATEMENTS = [statement for migration in packaged() for statement in migration.statements(LAYOUT)]
FORMATTED = "SELECT formatQuery({statement:String})"


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=stack.clickhouse_url) as client:
        yield client


def formatted(client: Client, statement: str) -> str:
    [(text,)] = client.query(FORMATTED, parameters={"statement": statement}).result_rows
    return str(text)


def test_the_schema_of_a_cluster_is_the_golden_one():
    assert script(LAYOUT) == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.splitlines()[-1][:60])
def test_clickhouse_reads_a_statement_as_one_for_the_whole_cluster(client: Client, statement: str):
    assert " ON CLUSTER `{cluster}`" in formatted(client, statement)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.splitlines()[-1][:60])
def test_every_table_that_keeps_rows_is_replicated(client: Client, statement: str):
    engine = re.search(r"^ENGINE = (\w+)", formatted(client, statement), re.MULTILINE)
    assert engine is None or engine[1] == "Null" or engine[1].startswith("Replicated")


def test_but_for_engine_window_and_cluster_it_is_the_schema_of_a_single_server(client: Client):
    def without_layout(statement: str) -> str:
        text = formatted(client, statement).replace(" ON CLUSTER `{cluster}`", "").replace("Replicated", "")
        return re.sub(r"(non_)?replicated_deduplication_window.*", "window", text)

    single = [statement for migration in packaged() for statement in migration.statements(SingleServer())]
    assert [without_layout(statement) for statement in STATEMENTS] == [without_layout(text) for text in single]
