"""The embedded ClickHouse as a process of its own, for tests."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

START_TIMEOUT_S = 30.0


class DidNotStart(Exception):
    """The server ended before it listened; the message is what it said."""


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def code(self) -> int:
        """ClickHouse's error code, 0 without an error."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))


@dataclass
class ClickHouseProcess:
    """Starts, asks and kills one server on a free port."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def start(self) -> ClickHouseProcess:
        env = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        env |= {"SLUICE_CLICKHOUSE_PATH": str(self.path), "SLUICE_CLICKHOUSE_PORT": "0"} | self.env
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sluice.local.clickhouse"], env=env, stderr=subprocess.PIPE, text=True
        )
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(listening,))
        self._reader.start()
        if not listening.wait(START_TIMEOUT_S) or not self.port:
            self.kill()
            raise DidNotStart("".join(self.log))
        return self

    def _read_log(self, listening: threading.Event) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"answers on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                listening.set()
        self.process.stderr.close()
        listening.set()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> int:
        """Ask it to stop, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        assert self._reader is not None
        code = self.process.wait(60)
        self._reader.join()
        return code

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        sql: str | bytes = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Answer:
        """Send one request: the text as body (POST) or as `?query=` (otherwise), all else as parameters."""
        body = sql.encode() if isinstance(sql, str) else sql
        if method != "POST" and body:
            parameters["query"], body = body, b""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            target = path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
            connection.request(method, target, body if method == "POST" else None, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def rows(self, sql: str, **parameters: Any) -> list[list[str]]:
        """Give the rows of a query that must succeed, as text."""
        answer = self.ask(sql, **parameters)
        assert answer.status == 200, answer.text
        return [line.split("\t") for line in answer.text.splitlines()]

    def value(self, sql: str, **parameters: Any) -> str:
        """Give the one value of a query that must succeed."""
        [[value]] = self.rows(sql, **parameters)
        return value

    def resident_bytes(self) -> int:
        assert self.process is not None
        statm = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def until(condition, timeout_s: float = 10.0):
    """Poll until the condition gives something true, and give that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
