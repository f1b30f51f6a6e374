"""The stack that integration tests run against: a real Kafka and a real ClickHouse."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal, Protocol

from sluice.local.kafka.port import free_port

START_DEADLINE_S = 90.0
"""Long enough for a first start, which downloads Kafka."""
STOP_DEADLINE_S = 10.0
LOG_TAIL_LINES = 40


class Stack(Protocol):
    """A Kafka cluster and a ClickHouse that tests may fill; they share it, so each makes topics of its own."""

    kafka_bootstrap: str
    """`host:port` for clients."""
    clickhouse_url: str
    """`http://host:port` of ClickHouse's HTTP interface."""

    def start(self) -> None:
        """Return once both serve; raise `DidNotStart` otherwise."""

    def stop(self) -> None:
        """End both and remove their data."""

    def restart(self, part: Literal["broker", "clickhouse"]) -> None:
        """End one of them as a power cut would, and start it again with the same data and address."""


class DidNotStart(Exception):
    """A part of the stack ended or stayed silent; carries the tail of its log."""


class RoleProcess:
    """One `sluice <role>` as a process of its own, ready when it says so."""

    def __init__(self, role: str, directory: Path, environment: dict[str, str]) -> None:
        self.role = role
        self.log = directory / f"{role}.log"
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Start it and wait until it is ready; raise `DidNotStart` with its log's tail otherwise."""
        # A socket's path may have 104 bytes at most, and pytest's temporary directories are longer.
        with (
            tempfile.TemporaryDirectory(prefix="sluice-") as short,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        ):
            notify.bind(f"{short}/n")
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "sluice", self.role],
                    env={**self._environment, "NOTIFY_SOCKET": f"{short}/n"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._wait_until_ready(notify, time.monotonic() + deadline_s)

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """End it with SIGTERM, or with SIGKILL after the deadline."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _wait_until_ready(self, notify: socket.socket, deadline: float) -> None:
        assert self._process is not None
        while time.monotonic() < deadline:
            readable, _, _ = select.select([notify], [], [], 0.1)
            if readable and b"READY=1" in notify.recv(4096).splitlines():
                return
            if self._process.poll() is not None:
                raise DidNotStart(f"{self.role} ended with code {self._process.returncode}\n{self._log_tail()}")
        self.kill()
        raise DidNotStart(f"{self.role} was not ready in time\n{self._log_tail()}")

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- the last lines of {self.log}:", *lines])


def pipeline_environment(stack: Stack, directory: Path, port: int, settings_file: str) -> dict[str, str]:
    """Give the settings of a gateway on this port, and of one worker each, that keep their data in a directory."""
    return {
        "SLUICE_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "SLUICE_CLICKHOUSE_URL": stack.clickhouse_url,
        "SLUICE_GATEWAY_PORT": str(port),
        "SLUICE_SETTINGS_FILE": settings_file,
        "SLUICE_LOCAL": "1",
        "SLUICE_PROCESSORS_INSTANCE": "test",
        "SLUICE_SINKS_INSTANCE": "test",
        "SLUICE_DATA_DIR": str(directory),
        "SLUICE_GATEWAY_DATA_DIR": str(directory / "gateway"),
    }


def pipeline_roles(directory: Path, environment: dict[str, str]) -> dict[str, RoleProcess]:
    """Give the roles between the broker and ClickHouse, to be started."""
    return {name: RoleProcess(name, directory, environment) for name in ("gateway", "processors", "sinks")}


class EmbeddedStack:
    """The embedded broker and the embedded ClickHouse on free ports, with their data in a temporary directory."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="sluice-stack-"))
        kafka_port, clickhouse_port = free_port(), free_port()
        self.kafka_bootstrap = f"127.0.0.1:{kafka_port}"
        self.clickhouse_url = f"http://127.0.0.1:{clickhouse_port}"
        self._roles = {
            "broker": RoleProcess(
                "broker",
                self._directory,
                {"SLUICE_KAFKA_PORT": str(kafka_port), "SLUICE_DATA_DIR": str(self._directory)},
            ),
            "clickhouse": RoleProcess(
                "clickhouse",
                self._directory,
                {
                    "SLUICE_CLICKHOUSE_HOST": "127.0.0.1",
                    "SLUICE_CLICKHOUSE_PORT": str(clickhouse_port),
                    "SLUICE_CLICKHOUSE_PATH": str(self._directory / "clickhouse"),
                },
            ),
        }

    def start(self) -> None:
        for role in self._roles.values():
            role.start()

    def restart(self, part: Literal["broker", "clickhouse"]) -> None:
        self._roles[part].kill()
        self._roles[part].start()

    def stop(self) -> None:
        for role in self._roles.values():
            role.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
