"""The real application, served over loopback, with its neighbours in memory and time in the test's hands."""

from __future__ import annotations

import io
import itertools
import json
import tomllib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp

from sluice.contract import ndjson, projects, raw
from sluice.gateway.app import create_app
from sluice.gateway.coalescer import Coalescer
from sluice.gateway.intake import Intake
from sluice.gateway.keys import KeyRing
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.publishing.memory import MemoryPublisher
from sluice.gateway.serve import serving
from sluice.gateway.users.memory import MemoryUsers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from multidict import CIMultiDictProxy

    from sluice.gateway.limits.port import Limiter

NOW = 1703001234567
"""The time in the document's examples."""

PARTITIONS = 4
DEMO = {"Authorization": "Bearer pulse_prod_demo"}
LOAD = {"Authorization": "Bearer pulse_prod_load"}


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        assert self.json.keys() == {"success", "error", "timestamp"}
        assert self.json["success"] is False
        return str(self.json["error"])


@dataclass
class Gateway:
    url: str
    session: aiohttp.ClientSession
    publisher: MemoryPublisher
    users: MemoryUsers
    clock: Clock
    keys: KeyRing
    intake: Intake

    async def send(
        self, path: str, body: bytes = b"", headers: dict[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        data = io.BytesIO(body) if len(body) > 1 << 20 else body
        async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    async def collect(self, event: Any, headers: dict[str, str] | None = None) -> Answer:
        return await self.send("/collect", encoded(event), DEMO | (headers or {}))

    async def batch(self, events: Any, headers: dict[str, str] | None = None) -> Answer:
        return await self.send("/collect/batch", encoded({"events": events}), DEMO | (headers or {}))

    def lines(self) -> list[raw.RawLine]:
        """Everything that was published, in order."""
        return [raw.decode(line) for _, value in self.publisher.records for line in ndjson.split(value)]

    def events(self) -> list[bytes]:
        return [bytes(line.event) for line in self.lines()]


def encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def event(**changes: Any) -> dict[str, Any]:
    """The document's event; `...` takes a field out."""
    fields = {
        "site_id": "site_abc123",
        "event_type": "page_view",
        "timestamp": NOW,
        "session_id": "session_xyz789",
    } | changes
    return {name: value for name, value in fields.items() if value is not ...}


def demo_projects() -> projects.Projects:
    return projects.parse(tomllib.loads(files("sluice.local").joinpath("demo.toml").read_text("utf-8")))


@asynccontextmanager
async def gateway_with(
    settings: projects.Projects,
    *,
    linger_ms: float = 0,
    limiter: Limiter | None = None,
    stopping: Callable[[], bool] = lambda: False,
    serve: Mapping[str, Any] | None = None,
    **intake_fields: Any,
) -> AsyncIterator[Gateway]:
    """Serve a gateway; `serve` are further arguments of `serving`, `intake_fields` those of the `Intake`."""
    publisher, users, clock = MemoryPublisher(), MemoryUsers(), Clock()
    numbers = itertools.count(1)
    coalescer = Coalescer(publisher, PARTITIONS, linger_ms=linger_ms)
    limiter = limiter or MemoryLimiter(clock)
    keys = KeyRing(settings)
    intake = Intake(keys, limiter, users, coalescer, clock, lambda: str(UUID(int=next(numbers))), **intake_fields)
    async with (
        aiohttp.ClientSession() as session,
        serving(create_app(intake, publisher, stopping), "127.0.0.1", 0, **(serve or {})) as url,
    ):
        yield Gateway(url, session, publisher, users, clock, keys, intake)
    await coalescer.close()
