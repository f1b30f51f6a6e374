"""The broker's directory: made and formatted once, and owned by one broker at a time."""

from __future__ import annotations

import base64
import fcntl
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.kafka.properties import render, settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sluice.local.kafka.properties import Listeners

_FORMAT_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Storage:
    """The files of one broker below one directory."""

    directory: Path

    @property
    def log_dir(self) -> Path:
        """Topics and metadata; Kafka allows nothing else in here."""
        return self.directory / "log"

    @property
    def temp_dir(self) -> Path:
        """What the JVM unpacks; emptied by each start, since a killed JVM leaves it."""
        return self.directory / "tmp"

    @property
    def properties(self) -> Path:
        """The `server.properties` of the latest start."""
        return self.directory / "server.properties"

    def prepare(self, listeners: Listeners, java: Sequence[str]) -> None:
        """Make what is missing: directories, properties, and on the first start a formatted log directory.

        `java` is the command up to the main class. Formatting happens in a directory beside, which is then
        renamed, so that a start that was killed within it is simply done again. Data is never removed.

        Raises `Unusable` if another broker owns the directory, or it cannot be written or formatted.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._refuse_if_in_use()
            shutil.rmtree(self.temp_dir, ignore_errors=True)
            self.temp_dir.mkdir()
            if not self.log_dir.exists():
                self._format(listeners, java)
            self.properties.write_text(render(settings(listeners, self.log_dir)))
        except OSError as error:
            raise Unusable(f"the broker's directory {self.directory} cannot be written: {error.strerror}") from error

    def _format(self, listeners: Listeners, java: Sequence[str]) -> None:
        beside = self.directory / "log.formatting"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        self.properties.write_text(render(settings(listeners, beside)))
        tool = ("kafka.tools.StorageTool", "format", "--cluster-id", _new_cluster_id(), "--config", self.properties)
        done = subprocess.run(  # noqa: S603
            [*java, *map(str, tool)], capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise Unusable(f"Kafka could not format {self.directory}: {said}")
        beside.rename(self.log_dir)

    def _refuse_if_in_use(self) -> None:
        """Kafka holds a POSIX lock on `log/.lock`; its own complaint would be a page of stack trace."""
        lock_file = self.log_dir / ".lock"
        if not lock_file.exists():
            return
        with lock_file.open("r+b") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unusable(
                    f"another broker is using {self.directory}; stop it, or choose another --data-dir"
                ) from None


def _new_cluster_id() -> str:
    """Make a random id in Kafka's form: a UUID in URL-safe base64, never starting like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text
