"""The statements that fill a roll-up, and the conditions that say of which rows it is made."""

from __future__ import annotations

import re

import pytest

from sluice.cli.rebuilding.clickhouse import filling
from sluice.cli.rebuilding.rollup import NAMES, ROLLUPS, Rollup, called
from sluice.contract.errors import Unusable
from sluice.sinks.schema.layout import SingleServer
from sluice.sinks.schema.migration import packaged

SCHEMA = "\n".join(statement for one in packaged() for statement in one.statements(SingleServer()))


@pytest.mark.parametrize("rest", ["WHERE x", "AS fed WHERE fed.x", "GROUP BY x"])
def test_a_view_asks_the_event_log_instead_of_the_feed(rest: str):
    statement = filling("rollup_x", ["x", "n"], f"WITH 1 AS one SELECT x, n FROM sluice.feed {rest}", "(rows)")
    assert statement.startswith("INSERT INTO sluice.rollup_x (x, n) SETTINGS ")
    assert statement.endswith(f" WITH 1 AS one SELECT x, n FROM (rows) {rest}")


@pytest.mark.parametrize("select", ["SELECT 1", "SELECT x FROM sluice.feed, (SELECT y FROM sluice.feed)",
                                    "SELECT x FROM sluice.feedback"])  # fmt: skip
def test_a_view_that_does_not_ask_the_feed_once_cannot_fill_anything(select: str):
    with pytest.raises(Unusable, match=r"its view asks sluice\.feed \d times, not once"):
        filling("rollup_x", ["x"], select, "(rows)")


def test_every_roll_up_of_the_schema_is_known():
    assert set(re.findall(r"CREATE TABLE IF NOT EXISTS sluice\.rollup_(\w+)", SCHEMA)) == set(NAMES)
    assert set(re.findall(r"CREATE MATERIALIZED VIEW IF NOT EXISTS sluice\.feed_(\w+)", SCHEMA)) == set(NAMES)


@pytest.mark.parametrize("rollup", ROLLUPS, ids=NAMES)
def test_the_rows_that_count_are_those_that_its_view_adds_up(rollup: Rollup):
    found = re.search(
        rf"VIEW IF NOT EXISTS sluice\.{rollup.view} .*?FROM sluice\.feed(.*?)GROUP BY", SCHEMA, re.DOTALL
    )
    assert found is not None
    condition = found[1].partition("WHERE ")[2].strip().replace("line.", "")
    of_rows = "" if rollup.counts == "true" else f" AND ({rollup.counts} OR outcome = 'fed')"
    assert condition == f"has(lacking, '{rollup.name}'){of_rows}"


@pytest.mark.parametrize("rollup", ROLLUPS, ids=NAMES)
def test_it_has_months_where_it_is_partitioned_by_them(rollup: Rollup):
    found = re.search(rf"TABLE IF NOT EXISTS sluice\.{rollup.table}\b(.*?)ORDER BY", SCHEMA, re.DOTALL)
    assert found is not None
    assert ("PARTITION BY source_month" in found[1]) is rollup.has_months


def test_they_are_called_by_their_names_in_their_own_order():
    assert [rollup.name for rollup in called(["users", "minutes"])] == ["minutes", "users"]
    assert called([]) == list(ROLLUPS)
