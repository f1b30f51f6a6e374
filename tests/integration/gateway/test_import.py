"""`sluice users import` against a real gateway: whoever was imported can send events, to every gateway."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests
from tests.integration.gateway.process import GatewayProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.stack import Stack

LOAD = {"Authorization": "Bearer pulse_prod_load"}


@pytest.fixture
def start(deployment: Stack, tmp_path: Path) -> Iterator[Callable[[str], GatewayProcess]]:
    """Starts gateways; each name stands for one with a directory of its own."""
    started: list[GatewayProcess] = []

    def start(name: str) -> GatewayProcess:
        (tmp_path / name).mkdir(exist_ok=True)
        gateway = GatewayProcess(tmp_path / name, deployment.kafka_bootstrap)
        gateway.start()
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture
def shop() -> str:
    """The domain of addresses that only this test has."""
    return f"{uuid4().hex[:8]}.example"


def import_(path: Path, gateway: GatewayProcess, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sluice", "users", "import", str(path), "--url", gateway.url, *options],
        env={**os.environ, "SLUICE_KEY": "pulse_prod_load"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def send_event(gateway: GatewayProcess, user: dict[str, str]) -> tuple[int, str]:
    body: dict[str, Any] = {"user": user, "event": {"page_view": {}}}
    answer = requests.post(f"{gateway.url}/event/", json=body, headers=LOAD, timeout=10)
    return answer.status_code, answer.text


def until_known(gateway: GatewayProcess, user: dict[str, str]) -> None:
    deadline = time.monotonic() + 30
    while (found := send_event(gateway, user))[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found[0] == 200, found


def test_who_was_imported_can_send_events_to_every_gateway_also_after_a_restart(
    start: Callable[[str], GatewayProcess], tmp_path: Path, shop: str
):
    first, second = start("first"), start("second")
    users = [{"_id": f"{number}@{shop}", "email": f"user{number}@{shop}"} for number in range(50)]
    path = tmp_path / "users.csv"
    path.write_text("_id,email,plan\n" + "".join(f"{user['_id']},{user['email']},gold\n" for user in users))
    imported = import_(path, first)
    assert (imported.returncode, imported.stderr) == (0, "")
    assert imported.stdout.splitlines()[0].split() == ["saved", "50"]
    for user in users:
        assert send_event(first, {"email": user["email"]})[0] == 200
        assert send_event(first, {"_id": user["_id"]})[0] == 200
    assert "User not found" in send_event(first, {"email": f"nobody@{shop}"})[1]
    until_known(second, {"email": users[-1]["email"]})

    assert import_(path, first).returncode == 0  # twice does no harm

    first.kill()  # what it has on disk is complete, or is read again
    assert send_event(start("first"), {"email": users[0]["email"]})[0] == 200
    second.kill()
    shutil.rmtree(tmp_path / "second" / "gateway")
    assert send_event(start("second"), {"email": users[0]["email"]})[0] == 200


def test_a_gateway_that_is_killed_while_users_are_imported_forgets_nobody(
    start: Callable[[str], GatewayProcess], tmp_path: Path, shop: str
):
    gateway = start("gateway")
    path = tmp_path / "users.csv"
    path.write_text("email\n" + "".join(f"user{number}@{shop}\n" for number in range(600)))
    importing = subprocess.Popen(
        [sys.executable, "-m", "sluice", "users", "import", str(path), "--url", gateway.url, "--concurrency", "4"],
        env={**os.environ, "SLUICE_KEY": "pulse_prod_load"},
        stdout=subprocess.PIPE,
        text=True,
    )
    for number in (20, 200):
        until_known(gateway, {"email": f"user{number}@{shop}"})
        gateway.kill()
        gateway.start()
    output, _ = importing.communicate(timeout=60)
    assert importing.returncode == 0
    assert output.splitlines()[0].split() == ["saved", "600"]
    gateway.kill()
    gateway.start()
    assert [send_event(gateway, {"email": f"user{number}@{shop}"})[0] for number in range(600)] == [200] * 600


def test_what_was_refused_can_be_mended_and_imported(
    start: Callable[[str], GatewayProcess], tmp_path: Path, shop: str
):
    gateway = start("gateway")
    path = tmp_path / "users.ndjson"
    lines = [f'{{"_id":"a@{shop}"}}', f'{{"_id":["b@{shop}"]}}', f'{{"_id":"c@{shop}"']
    path.write_text("\n".join(lines))
    imported = import_(path, gateway)
    assert imported.returncode == 1
    assert imported.stdout.splitlines()[0].split() == ["saved", "1"]
    report = tmp_path / "users.ndjson.rejected.ndjson"
    refused, unread = sorted(map(json.loads, report.read_text().splitlines()), key=lambda line: line["line"])
    assert refused["user"] == {"_id": [f"b@{shop}"]}
    assert refused["why"].startswith("400, Invalid user information: ")
    assert unread["text"] == lines[2]

    report.write_text(json.dumps(refused | {"user": {"_id": f"b@{shop}"}}) + "\n" + unread["text"] + "}\n")
    assert import_(report, gateway).returncode == 0
    assert [send_event(gateway, {"_id": f"{name}@{shop}"})[0] for name in "abc"] == [200, 200, 200]


def test_a_wrong_key_is_said_in_one_sentence(start: Callable[[str], GatewayProcess], tmp_path: Path):
    path, key_file = tmp_path / "users.csv", tmp_path / "key"
    path.write_text("_id\n1\n")
    key_file.write_text("nobody's")
    imported = import_(path, start("gateway"), "--key-file", str(key_file))
    assert imported.returncode == 1
    assert imported.stderr.startswith("sluice: the gateway takes no users: 401, ")
