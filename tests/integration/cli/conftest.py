"""A deployment of its own, small and with nothing in it but what these tests send: the account must be exact."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import clickhouse_connect
import pytest
import requests
from tests.integration.stack import EmbeddedStack, RoleProcess, pipeline_environment, pipeline_roles

from sluice.contract import topics
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.local.up.plan import demo_settings_file
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_S = 60.0
PARTITIONS = 2
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@dataclass
class Own:
    """The deployment: something to post to, a ClickHouse to ask, roles to stop, and the command line to try."""

    stack: EmbeddedStack
    url: str
    environment: dict[str, str]
    roles: dict[str, RoleProcess]

    def post(self, *events: dict[str, Any], key: str = "pulse_prod_load", **headers: str) -> str:
        """Post pulse events in one request, and give its id."""
        bearer = {"Authorization": f"Bearer {key}"}
        answer = requests.post(
            f"{self.url}/collect/batch", json={"events": events}, headers=bearer | headers, timeout=30
        )
        assert answer.status_code == 202, answer.text
        return answer.headers["X-Request-Id"]

    def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Ask ClickHouse."""
        with clickhouse_connect.get_client(dsn=self.stack.clickhouse_url) as client:
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]

    def change(self, sql: str) -> None:
        """Change a row behind everybody's back."""
        with clickhouse_connect.get_client(dsn=self.stack.clickhouse_url) as client:
            client.command(sql, settings={"mutations_sync": 2, "insert_deduplicate": 0})

    def add(self, where: str, **other: str) -> None:
        """Insert copies of rows that differ in some columns, given as SQL."""
        columns = ", ".join(f"{value} AS {name}" for name, value in other.items())
        differing = f"* REPLACE ({columns})" if columns else "*"
        rows = f"(SELECT * FROM sluice.event_log WHERE {where})"
        self.change(f"INSERT INTO sluice.event_log SELECT {differing} FROM {rows}")

    def delete(self, where: str) -> None:
        """Delete rows."""
        self.change(f"ALTER TABLE sluice.event_log DELETE WHERE {where}")

    def without_neighbour(self, variable: str, address: str) -> Own:
        """Give the same deployment for commands that look for a neighbour where it is not."""
        return replace(self, environment=self.environment | {variable: address})

    def sluice(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=90
        )

    def command(self, *arguments: str) -> list[str]:
        """Give the command line of a `sluice` command."""
        return [sys.executable, "-m", "sluice", *arguments]

    def audit(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Audit, once nothing is on the way any more, and give the exit code and the finding."""
        done = self.sluice("audit", "--json", *(arguments or ("--wait", str(DEADLINE_S))))
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def where(self, *arguments: str) -> list[dict[str, Any]]:
        """Ask where an id is, and give what is found; nothing where it is nowhere."""
        done = self.sluice("where", "--json", *arguments)
        found: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        is_there = bool(found) and all(seen["place"] != "lost" for seen in found)
        assert done.returncode == (0 if is_there else 1), done.stderr
        return found

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Ask until it holds; fail the test with `what` after the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := holds()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found, what

    @contextmanager
    def as_before(self, table: str) -> Iterator[None]:
        """Do something, after which a table is filled again with what it held before."""
        self.change(f"CREATE OR REPLACE TABLE sluice.kept AS sluice.{table}")
        self.change(f"INSERT INTO sluice.kept SELECT * FROM sluice.{table}")
        try:
            yield
        finally:
            self.change(f"TRUNCATE TABLE sluice.{table}")
            self.change(f"INSERT INTO sluice.{table} SELECT * FROM sluice.kept")
            self.change("DROP TABLE sluice.kept SYNC")

    @contextmanager
    def without(self, role: str) -> Iterator[None]:
        """Do something while a role is stopped."""
        self.roles[role].stop()
        try:
            yield
        finally:
            self.roles[role].start()


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    directory = tmp_path_factory.mktemp("own")
    stack = EmbeddedStack()
    port = free_port()
    environment = pipeline_environment(stack, directory, port, demo_settings_file())
    roles = pipeline_roles(directory, environment)
    try:
        stack.start()
        asyncio.run(create_topics(stack.kafka_bootstrap, topics.ALL, partitions=PARTITIONS, replication=1))
        migrate(stack.clickhouse_url)
        for role in roles.values():
            role.start()
        yield Own(stack, f"http://127.0.0.1:{port}", {**os.environ, **environment}, roles)
    finally:
        for role in roles.values():
            role.stop()
        stack.stop()


@pytest.fixture
def pristine(own: Own) -> Iterator[Own]:
    """The deployment with everything stored and the account in balance; what a test breaks in the table is mended."""
    assert own.audit()[0] == 0
    with own.as_before("event_log"):
        yield own
    assert own.audit()[0] == 0


def event(**changes: Any) -> dict[str, Any]:
    """Make a valid pulse event."""
    now = int(time.time() * 1000)
    return {"site_id": "shop", "event_type": "page_view", "timestamp": now, "session_id": "s"} | changes


class Ann:
    """Somebody whose every word holds one that nobody else uses."""

    def __init__(self) -> None:
        self.word = f"ann{uuid4().hex[:12]}"
        self.id = f"{self.word}-id"
        self.email = f"{self.word}@example.com"
        self.device = f"{self.word}-device"
        self.session = f"{self.word}-session"


@pytest.fixture
def ann() -> Ann:
    return Ann()
