"""Every request under tests/golden/pulse gets exactly its answer, and puts exactly its events on events.raw.

docs/apis/pulse.md says which sentence of the API's document each of them stands for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Gateway

ROOT = Path(__file__).parents[3]
GOLDEN = sorted((ROOT / "tests" / "golden" / "pulse").glob("*.yaml"))


def load(path: Path) -> dict[str, Any]:
    golden: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return golden


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
async def test_a_recorded_request_gets_its_answer(gateway: Gateway, path: Path):
    golden = load(path)
    request, expected = golden["request"], golden["response"]
    answer = await gateway.send(
        request["path"], request.get("body", "").encode(), request.get("headers"), request["method"]
    )
    assert (answer.status, answer.body.decode()) == (expected["status"], expected.get("body", ""))
    assert {name: answer.headers.get(name) for name in expected["headers"]} == expected["headers"]
    assert not [name for name in expected.get("absent_headers", []) if name in answer.headers]
    assert "X-Request-Id" in answer.headers
    assert [event.decode() for event in gateway.events()] == golden["stored"]
    if "routing_keys" in golden:
        assert [line.key for line in gateway.lines()] == golden["routing_keys"]


def test_the_documentation_lists_every_recorded_request_once():
    listed = re.findall(r"golden/pulse/(\S+?)\.yaml\)", (ROOT / "docs" / "apis" / "pulse.md").read_text("utf-8"))
    assert sorted(listed) == [path.stem for path in GOLDEN]
