"""What is fuzzed: every endpoint of every dialect, with its recorded requests to start from."""

from __future__ import annotations

import importlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml
from multidict import CIMultiDict
from tests.fuzz.oracles.strict_json import NotJson, Unclear, parse
from tests.unit.gateway.harness import NOW, demo_projects
from tests.unit.gateway.test_golden import users
from yarl import URL

from sluice.contract.raw import Client
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.dialects.port import Head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.contract.projects import Projects
    from sluice.gateway.dialects.port import Dialect, Endpoint
    from sluice.gateway.users.port import Identifier, Known

GOLDEN = Path(__file__).parents[1] / "golden"
UUID = "00000000-0000-7000-8000-000000000001"


@dataclass
class Target:
    """One endpoint: where and how it takes requests, bodies that were recorded for it, and who is known."""

    dialect: Dialect
    endpoint: Endpoint
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    corpus: list[bytes] = field(default_factory=list)
    known: dict[Identifier, Known] = field(default_factory=dict)
    now_ms: int = NOW

    def __str__(self) -> str:
        return f"{self.dialect.API}-{self.endpoint.name}"

    def head(self) -> Head:
        return Head(
            endpoint=self.endpoint,
            headers=CIMultiDict(self.headers),
            query=URL(self.path).query,
            received_at=self.now_ms,
            request_id=UUID,
            own_id=UUID,
            client=Client("127.0.0.1", "test"),
        )

    def verdict(self, body: bytes, known: Mapping[Identifier, Known]) -> bool | None:
        """Tell whether the documents allow a body; None where they leave it open."""
        try:
            allowed: bool = self._oracle.allows(self.endpoint.name, parse(body), self.now_ms, known)
        except NotJson:
            return False
        except Unclear:
            return None
        return allowed

    def events(self, body: bytes) -> list[Any]:
        """Give the values of the events that an allowed body holds."""
        events: list[Any] = self._oracle.events_of(self.endpoint.name, parse(body))
        return events

    @property
    def _oracle(self) -> Any:
        return importlib.import_module(f"tests.fuzz.oracles.{self.dialect.API}")


def targets() -> list[Target]:
    """Give all endpoints with what is recorded for them."""
    found = [Target(dialect, endpoint) for dialect in DIALECTS for endpoint in dialect.ENDPOINTS]
    for target in found:
        _learn(target)
    return found


def _learn(target: Target) -> None:
    times: Counter[int] = Counter()
    for path in sorted((GOLDEN / target.dialect.API).glob("*.yaml")):
        golden: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
        request, status = golden["request"], golden["response"]["status"]
        headers = request.get("headers", {})
        if urlsplit(request["path"]).path not in target.endpoint.paths or "Content-Encoding" in headers:
            continue
        target.known |= users(golden.get("users", []))
        if status == target.endpoint.status:
            times[golden.get("now", NOW)] += 1
            if not target.path:
                target.path, target.headers = request["path"], headers
        if request.get("body") and len(request["body"]) < 20_000:
            target.corpus.append(request["body"].encode())
    target.now_ms = times.most_common(1)[0][0]


def unlimited_projects() -> Projects:
    """Give the local stack's projects without limits of rate."""
    settings = demo_projects()
    return settings.model_copy(
        update={
            "projects": {name: p.model_copy(update={"limits": "none"}) for name, p in settings.projects.items()},
        }
    )
