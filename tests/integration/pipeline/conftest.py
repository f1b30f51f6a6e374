"""The whole pipeline on the shared deployment: gateway, processors and sinks as processes of their own."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
import requests
from tests.integration.stack import RoleProcess, pipeline_environment, pipeline_roles

from sluice.local.kafka.port import free_port
from sluice.local.up.plan import demo_settings_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.stack import Stack

DEADLINE_S = 60.0


@dataclass
class Pipeline:
    """What a user sees of it: a URL to post to, a ClickHouse to ask, and processes to kill."""

    url: str
    bootstrap: str
    clickhouse_url: str
    settings_file: Path
    roles: dict[str, RoleProcess]
    start_another: Callable[[str], RoleProcess]

    def post(self, path: str, body: Any, key: str = "pulse_prod_load", **headers: str) -> requests.Response:
        """Post JSON, or bytes as they are."""
        bearer = {"Authorization": f"Bearer {key}"}
        sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        return requests.post(self.url + path, headers=bearer | headers, timeout=30, **sent)

    def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Ask ClickHouse."""
        with clickhouse_connect.get_client(dsn=self.clickhouse_url) as client:
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]

    def wait_for(self, expected: list[tuple[Any, ...]], sql: str, **parameters: Any) -> None:
        """Ask until the answer is the expected one; after the deadline the last answer fails the test."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.query(sql, **parameters)) != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found == expected

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Ask until it holds; fail the test with `what` after the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := holds()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found, what


@pytest.fixture(scope="session")
def pipeline(deployment: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    directory = tmp_path_factory.mktemp("pipeline")
    port = free_port()
    settings_file = directory / "sluice.toml"
    shutil.copyfile(demo_settings_file(), settings_file)
    environment = pipeline_environment(deployment, directory, port, str(settings_file))
    roles = pipeline_roles(directory, environment)
    for role in roles.values():
        role.start()

    def start_another(name: str) -> RoleProcess:
        second = tmp_path_factory.mktemp("second")
        named = {
            "SLUICE_PROCESSORS_INSTANCE": "second",
            "SLUICE_SINKS_INSTANCE": "second",
            "SLUICE_DATA_DIR": str(second),
        }
        role = RoleProcess(name, second, environment | named)
        role.start()
        return role

    url = f"http://127.0.0.1:{port}"
    stores = deployment.kafka_bootstrap, deployment.clickhouse_url
    yield Pipeline(url, *stores, settings_file, roles, start_another)
    for role in roles.values():
        role.stop()


@pytest.fixture
def session_id(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A session id that only this test's events have."""
    return f"s{abs(hash((request.node.nodeid, str(tmp_path)))):x}"


@pytest.fixture
def event(session_id: str) -> Callable[..., dict[str, Any]]:
    """Make valid pulse events of this test's session."""

    def make(**changes: Any) -> dict[str, Any]:
        now = int(time.time() * 1000)
        return {
            "site_id": "site_abc123",
            "event_type": "page_view",
            "timestamp": now,
            "session_id": session_id,
        } | changes

    return make
