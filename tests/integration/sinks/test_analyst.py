"""The read-only user of deploy/clickhouse/analyst.sql: what its role may read, and that ClickHouse reads the file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

if TYPE_CHECKING:
    from tests.integration.stack import Stack

TEXT = (Path(__file__).parents[3] / "deploy/clickhouse/analyst.sql").read_text("utf-8")
STATEMENTS = [part.strip() for part in re.split(r";\s*$", TEXT, flags=re.MULTILINE) if part.strip()]
GRANTS = re.findall(r"^GRANT (SELECT ON \S+) TO sluice_analyst", TEXT, re.MULTILINE)
NOT_ENOUGH_PRIVILEGES = 497
VIEWS = ["events", "rejected_events", "minutes", "sessions", "visitor_days", "users"]
REFUSED = [
    "SELECT * FROM sluice.forgotten",
    "SELECT * FROM sluice.feed",
    "INSERT INTO sluice.event_log (project) VALUES ('x')",
    "INSERT INTO sluice.feed (project) VALUES ('x')",
    "ALTER TABLE sluice.event_log DELETE WHERE 1",
    "TRUNCATE TABLE sluice.rollup_minutes",
    "DROP TABLE sluice.event_log",
]


def codes(directory: Path, grants: list[str], statements: list[str]) -> dict[str, int]:
    """Give the error code of each statement, 0 without an error, for a role that has these grants."""
    asked = json.dumps({"directory": str(directory), "grants": grants, "statements": statements})
    script = Path(__file__).with_name("engine_with_role.py")
    ended = subprocess.run([sys.executable, str(script)], input=asked, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return dict(zip(statements, json.loads(ended.stdout), strict=True))


def test_its_role_reads_every_view_and_nothing_else(tmp_path: Path):
    asked = [f"SELECT * FROM sluice.{view}" for view in VIEWS]
    found = codes(tmp_path, GRANTS, asked + REFUSED)
    assert [statement for statement in asked if found[statement]] == []
    assert {found[statement] for statement in REFUSED} == {NOT_ENOUGH_PRIVILEGES}


def test_a_view_asks_with_the_rights_of_who_asks_it(tmp_path: Path):
    without = [grant for grant in GRANTS if "event_log" not in grant]
    asked = "SELECT * FROM sluice.events"
    assert codes(tmp_path, without, [asked]) == {asked: NOT_ENOUGH_PRIVILEGES}


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.splitlines()[-1].strip()[:50])
def test_clickhouse_reads_each_statement(stack: Stack, statement: str):
    with clickhouse_connect.get_client(dsn=stack.clickhouse_url) as client:
        assert client.query("SELECT formatQuery({sql:String})", parameters={"sql": statement}).result_rows
