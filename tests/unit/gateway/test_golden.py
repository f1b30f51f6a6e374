"""Every request under tests/golden gets exactly its answer, and puts exactly its events on events.raw.

docs/apis/<api>.md says which sentence of the API's document each of them stands for. A file holds

* `says`: the sentence; `now` (ms): the time, else that of the harness; `users`: who is known beforehand;
* `before`: requests sent first, each with how many `times` (1) it is sent, the `status` of each answer (that of the
  response) and how many milliseconds pass after it (`then_ms`, 0);
* `request` and `response`: status, headers, the whole body, headers that must be absent;
* `stored`: the events of the request, to the byte; optionally their `routing_keys` and `contexts`, and in `known`
  every identifier that means somebody else or something new afterwards.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from sluice.gateway.dialects import DIALECTS
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Answer, Gateway

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "golden"
GOLDEN = sorted(FOLDER.glob("*/*.yaml"))
FIELDS = {"says", "now", "users", "before", "request", "response", "stored", "routing_keys", "contexts", "known"}


def load(path: Path) -> dict[str, Any]:
    golden: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    assert golden.keys() <= FIELDS, golden.keys() - FIELDS
    return golden


def users(entries: list[dict[str, str]]) -> dict[Identifier, Known]:
    """Read entries like `{project: demo, kind: email, value: a@example.com, user_id: u1, email: a@example.com}`."""
    return {
        Identifier(
            entry.get("project", "demo"), "email" if entry["kind"] == "email" else "id", entry["value"]
        ): Known(entry["user_id"], entry.get("email", ""))
        for entry in entries
    }


async def send(gateway: Gateway, request: dict[str, Any]) -> Answer:
    return await gateway.send(
        request["path"], request.get("body", "").encode(), request.get("headers"), request.get("method", "POST")
    )


async def send_before(gateway: Gateway, golden: dict[str, Any]) -> None:
    for step in golden.get("before", []):
        for _ in range(step.get("times", 1)):
            answer = await send(gateway, step)
            assert answer.status == step.get("status", golden["response"]["status"]), answer.body
        gateway.clock.now_ms += step.get("then_ms", 0)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_recorded_request_gets_its_answer(gateway: Gateway, path: Path):
    golden = load(path)
    expected = golden["response"]
    gateway.clock.now_ms = golden.get("now", gateway.clock.now_ms)
    gateway.users.known.update(users(golden.get("users", [])))
    await send_before(gateway, golden)
    gateway.publisher.records.clear()
    known_before = dict(gateway.users.known)

    answer = await send(gateway, golden["request"])

    assert (answer.status, answer.body.decode()) == (expected["status"], expected.get("body", ""))
    assert {name: answer.headers.get(name) for name in expected["headers"]} == expected["headers"]
    assert not [name for name in expected.get("absent_headers", []) if name in answer.headers]
    assert "X-Request-Id" in answer.headers
    lines = gateway.lines()
    assert [bytes(line.event).decode() for line in lines] == golden["stored"]
    if "routing_keys" in golden:
        assert [line.key for line in lines] == golden["routing_keys"]
    if "contexts" in golden:
        assert [json.loads(msgspec.json.encode(line.context)) for line in lines] == golden["contexts"]
    changed = {link: known for link, known in gateway.users.known.items() if known_before.get(link) != known}
    assert changed == users(golden.get("known", []))


@pytest.mark.parametrize("api", [dialect.API for dialect in DIALECTS])
def test_the_documentation_lists_every_recorded_request_once(api: str):
    page = (ROOT / "docs" / "apis" / f"{api}.md").read_text("utf-8")
    listed = re.findall(rf"golden/{api}/(\S+?)\.yaml\)", page)
    assert sorted(listed) == [path.stem for path in GOLDEN if path.parent.name == api]
    assert listed
