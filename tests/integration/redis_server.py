"""A real Redis for tests, on every Python and without a compiler: its binary comes in a jar from Maven."""

from __future__ import annotations

import platform
import shutil
import socket
import stat
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from tests.integration.stack import DidNotStart

from sluice.contract.errors import Unusable
from sluice.local.kafka.download import ensure_jars, maven_fetch
from sluice.local.kafka.jars import Jar
from sluice.local.kafka.port import free_port
from sluice.local.kafka.settings import BrokerSettings
from sluice.role.settings import load

JAR = Jar(
    "com.github.codemonstur:embedded-redis:1.4.3",
    sha256="ffbc63265c60d25dee453d6f656b527d98200d98657c6a0ab4dec4ea2c3a5cd6",
    size_bytes=11_953_653,
)
BINARIES = {
    ("Linux", "x86_64"): "redis-server-6.2.6-v5-linux-amd64",  # needs OpenSSL 3
    ("Linux", "aarch64"): "redis-server-6.2.7-linux-arm64",
    ("Darwin", "x86_64"): "redis-server-6.2.6-v5-darwin-amd64",
    ("Darwin", "arm64"): "redis-server-6.2.6-v5-darwin-arm64",
}
START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 5.0


class RedisServer:
    """One `redis-server` on a free port, without files; what it holds is gone when it ends."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="sluice-redis-"))
        self._program: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Return once it answers, on the same port each time; raise `DidNotStart` otherwise."""
        self._program = self._program or find_redis_server(self._directory)
        log = self._directory / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program, *self._options()], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise DidNotStart(f"redis-server did not start\n{log.read_text(errors='replace')}")
            time.sleep(0.01)

    def send_signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_DEADLINE_S)

    def stop(self) -> None:
        """End it and remove its directory."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _options(self) -> list[str]:
        settings = {"bind": "127.0.0.1", "port": self._port, "save": "", "appendonly": "no", "dir": self._directory}
        return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


def find_redis_server(directory: Path) -> Path:
    """Give a program that runs here: the jar's, the same version everywhere, else the machine's own.

    Raises `DidNotStart` with what to install.
    """
    try:
        program = _from_jar(directory)
        if _runs(program):
            return program
        problem = f"{program.name} does not run on this machine (it needs OpenSSL 3)"
    except Unusable as error:
        problem = str(error)
    installed = shutil.which("redis-server")
    if installed is None:
        raise DidNotStart(
            f"there is no redis-server: {problem}; install one (Debian: apt-get install redis-server, "
            "macOS: brew install redis) so that it is on the PATH"
        )
    return Path(installed)


def _from_jar(directory: Path) -> Path:
    machine = platform.system(), platform.machine()
    if machine not in BINARIES:
        raise Unusable(f"{JAR.filename} holds none for {' '.join(machine)}")
    settings = load(BrokerSettings)
    (jar,) = ensure_jars(
        [JAR],
        settings.cache_dir / "jars",
        maven_fetch(settings.maven_repository),
        report=lambda _: None,
        of="Redis",
    )
    with zipfile.ZipFile(jar) as archive:
        program = Path(archive.extract(BINARIES[machine], directory))
    program.chmod(stat.S_IRWXU)
    return program


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
