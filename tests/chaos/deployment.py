"""The deployment that a run disturbs: all roles on free ports, with a proxy between the sinks and ClickHouse."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.faults import SESSION_TIMEOUT_S, WORKERS
from tests.chaos.proxy import Proxy
from tests.chaos.role import Role
from tests.chaos.rules import RuleFile
from tests.chaos.steps import Steps

from sluice.contract import topics
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.local.up.child import Guard
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PARTITIONS = 4
START_S = 90.0
SECOND = "second"


class DidNotStart(Exception):
    """A role was not ready in time; names its log."""


class Deployment:
    """What a fault can get hold of. Made by `deployed`."""

    def __init__(self, directory: Path, sockets: Path, guard: Guard, mutant: str = "") -> None:
        self.directory = directory
        self.kafka_bootstrap = f"127.0.0.1:{free_port()}"
        self._clickhouse_port = free_port()
        self.clickhouse_url = f"http://127.0.0.1:{self._clickhouse_port}"
        self._gateway_port = free_port()
        self.gateway_url = f"http://127.0.0.1:{self._gateway_port}"
        self.steps = Steps(directory / "steps")
        self.proxy = Proxy(self._clickhouse_port)
        self.rules = RuleFile(directory / "sluice.toml")
        self.roles: dict[str, Role] = {}
        self._mutants = {"sinks": mutant}
        self._sockets = sockets
        self._guard = guard

    async def start(self) -> None:
        """Return once every role serves; raise `DidNotStart` otherwise."""
        sinks_clickhouse_url = await self.proxy.start()
        for name in ("broker", "clickhouse", "gateway"):
            self._add(name, (sys.executable, "-m", "sluice", name), {})
        for name in WORKERS:
            mutant = filter(None, [self._mutants.get(name)])
            command = (sys.executable, "-m", f"tests.chaos.roles.{name}", str(self.directory / "steps"), *mutant)
            settings = {"SLUICE_CLICKHOUSE_URL": sinks_clickhouse_url}
            self._add(name, command, settings | self._of_worker("first"))
            self._add(f"{name}-{SECOND}", command, settings | self._of_worker(SECOND))
        await self._start("broker", "clickhouse")
        await create_topics(self.kafka_bootstrap, topics.ALL, partitions=PARTITIONS, replication=1)
        await asyncio.to_thread(migrate, self.clickhouse_url)
        await self._start("gateway", *WORKERS)

    async def heal(self) -> None:
        """Let each role of the deployment run and be ready; raise `DidNotStart` where one is not."""
        await self._await_ready(*(name for name, role in self.roles.items() if role.runs))

    async def stop(self) -> None:
        """End every role: the stores last."""
        stores = "broker", "clickhouse"
        await asyncio.gather(*(role.stop() for name, role in self.roles.items() if name not in stores))
        await asyncio.gather(*(role.stop() for role in self.roles.values()))
        for role in self.roles.values():
            role.close()
        await self.proxy.close()

    def _add(self, name: str, command: tuple[str, ...], environment: dict[str, str]) -> None:
        socket_path = str(self._sockets / name)
        self.roles[name] = Role(
            name, command, self._environment() | environment, self.directory, socket_path, self._guard
        )

    async def _start(self, *names: str) -> None:
        for name in names:
            self.roles[name].start()
        await self._await_ready(*names)

    async def _await_ready(self, *names: str) -> None:
        ready = await asyncio.gather(*(self.roles[name].ready(START_S) for name in names))
        for name, is_ready in zip(names, ready, strict=True):
            if not is_ready:
                raise DidNotStart(f"{name} was not ready in {START_S:g} s: see {self.roles[name].log}")

    def _environment(self) -> dict[str, str]:
        session_timeout_ms = str(round(SESSION_TIMEOUT_S * 1000))
        return {
            "PYTHONUNBUFFERED": "1",
            "SLUICE_LOCAL": "1",
            "SLUICE_SETTINGS_FILE": str(self.rules.path),
            "SLUICE_DATA_DIR": str(self.directory),
            "SLUICE_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "SLUICE_KAFKA_PORT": self.kafka_bootstrap.rpartition(":")[2],
            "SLUICE_CLICKHOUSE_URL": self.clickhouse_url,
            "SLUICE_CLICKHOUSE_PORT": str(self._clickhouse_port),
            "SLUICE_CLICKHOUSE_PATH": str(self.directory / "clickhouse"),
            "SLUICE_CLICKHOUSE_STOP_TIMEOUT_S": "2",
            "SLUICE_GATEWAY_PORT": str(self._gateway_port),
            "SLUICE_GATEWAY_DATA_DIR": str(self.directory / "gateway"),
            "SLUICE_PROCESSORS_SESSION_TIMEOUT_MS": session_timeout_ms,
            "SLUICE_SINKS_SESSION_TIMEOUT_MS": session_timeout_ms,
        }

    def _of_worker(self, instance: str) -> dict[str, str]:
        """Give the settings of one of two workers: each keeps its place in the group, and its state to itself."""
        return {
            "SLUICE_PROCESSORS_INSTANCE": instance,
            "SLUICE_SINKS_INSTANCE": instance,
            "SLUICE_DATA_DIR": str(self.directory / instance),
        }


@asynccontextmanager
async def deployed(directory: Path, mutant: str = "") -> AsyncIterator[Deployment]:
    """Start a deployment that keeps all it writes in a directory, and end every process of it.

    The guard ends them even where this process is killed. `mutant` names one of the sinks' mutants, to stand before
    their table.
    """
    async with AsyncExitStack() as ending:
        guard = Guard()
        ending.callback(guard.close)
        # A socket's path may have 104 bytes at most.
        sockets = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="sluice-")))
        deployment = Deployment(directory, sockets, guard, mutant)
        ending.push_async_callback(deployment.stop)
        await deployment.start()
        yield deployment
