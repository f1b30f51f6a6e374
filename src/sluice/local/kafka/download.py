"""Fetching jars from a Maven repository into the cache, each checked before it takes its place."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.contract.errors import Unusable
from sluice.local.kafka.jars import is_intact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sluice.local.kafka.jars import Jar

    Report = Callable[[str], None]
    """Takes a few words about how far the download is."""
    Fetch = Callable[[Jar, Path, Callable[[int], None]], Path]
    """Takes a jar, an empty directory for it and a callback for each number of bytes that arrive; gives the file.

    Raises `OSError` or `RuntimeError` if it does not arrive.
    """

_AT_ONCE = 8
_ATTEMPTS = 3
_PARTIAL_PREFIX = ".partial-"
_REPORT_EVERY_S = 0.2


def ensure_jars(
    jars: Sequence[Jar], directory: Path, fetch: Fetch, report: Report, *, of: str, pause_s: float = 1.0
) -> list[Path]:
    """Give the paths of all jars, in their order, after fetching those that are missing or damaged.

    Touches the network only for those. A jar appears under its name only once its checksum is right, so an
    interrupted download leaves nothing that a later start could take for whole.

    `of` is what they make up, as messages name it; `pause_s` lies between the attempts to fetch one jar, longer each
    time.
    Raises `Unusable` if a jar cannot be fetched or has another checksum than it should.
    """
    if _missing(jars, directory):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with _only_one_fetches(directory):
                missing = _missing(jars, directory)
                _Download(directory, fetch, _Progress(missing, report, of), of, pause_s).run(missing)
        except OSError as error:
            raise Unusable(f"the jars of {of} cannot be kept in {directory}: {error.strerror or error}") from error
    return [directory / jar.filename for jar in jars]


def maven_fetch(repository: str | None) -> Fetch:
    """Make the fetcher that asks a Maven repository (Maven Central unless a URL is given) through jgo."""
    # Only a start that has to download pays for importing jgo and requests.
    from jgo.maven import MavenContext, PythonResolver

    def fetch(jar: Jar, into: Path, arrived: Callable[[int], None]) -> Path:
        @contextmanager
        def progress(_filename: str, _size: int) -> Iterator[Callable[[int], None]]:
            yield arrived

        context = MavenContext(
            resolver=PythonResolver(progress_callback=progress),
            repo_cache=into,
            remote_repos={"repository": repository} if repository else None,
        )
        artifact: Any = context.create_dependency(jar.coordinate).artifact
        return Path(artifact.resolve())

    return fetch


def _missing(jars: Sequence[Jar], directory: Path) -> list[Jar]:
    return [jar for jar in jars if not is_intact(jar, directory / jar.filename)]


@contextmanager
def _only_one_fetches(directory: Path) -> Iterator[None]:
    """Let one process at a time fill a cache, so that what others left half done can be swept away."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in directory.glob(f"{_PARTIAL_PREFIX}*"):
            shutil.rmtree(left_over)
        yield


@dataclass(frozen=True, slots=True)
class _Download:
    directory: Path
    fetch: Fetch
    progress: _Progress
    of: str
    pause_s: float

    def run(self, jars: Sequence[Jar]) -> None:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="jar") as pool:
            fetched = [pool.submit(self._one, jar) for jar in jars]
            try:
                for future in fetched:
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _one(self, jar: Jar) -> None:
        with tempfile.TemporaryDirectory(prefix=_PARTIAL_PREFIX, dir=self.directory) as partial:
            file = self._persistently(jar, Path(partial))
            if not is_intact(jar, file):
                raise Unusable(
                    f"{jar.filename} was downloaded, but is not the file that was locked "
                    "(its SHA-256 differs): it was discarded; start again, and distrust the repository if it recurs"
                )
            file.replace(self.directory / jar.filename)
        self.progress.done()

    def _persistently(self, jar: Jar, partial: Path) -> Path:
        attempt = 1
        while True:
            try:
                return self.fetch(jar, partial / str(attempt), self.progress.arrived)
            except (OSError, RuntimeError) as error:  # requests' exceptions are OSErrors
                if attempt == _ATTEMPTS:
                    raise Unusable(
                        f"{jar.filename} of {self.of} could not be downloaded ({_first_line(error)}); "
                        "check the network, a proxy or SLUICE_MAVEN_REPOSITORY, and start again: "
                        "what has arrived is kept"
                    ) from error
                time.sleep(attempt * self.pause_s)
                attempt += 1


class _Progress:
    """Counts jars and bytes of all threads, and reports at most a few times a second."""

    def __init__(self, jars: Sequence[Jar], report: Report, of: str) -> None:
        self._report = report
        self._of = of
        self._lock = threading.Lock()
        self._jars, self._jars_done = len(jars), 0
        self._bytes, self._bytes_arrived = sum(jar.size_bytes for jar in jars), 0
        self._last_report = 0.0

    def arrived(self, size_bytes: int) -> None:
        with self._lock:
            self._bytes_arrived += size_bytes
            if time.monotonic() - self._last_report >= _REPORT_EVERY_S:
                self._tell()

    def done(self) -> None:
        with self._lock:
            self._jars_done += 1
            if self._jars_done == self._jars:
                self._tell()

    def _tell(self) -> None:
        self._last_report = time.monotonic()
        self._report(
            f"downloading {self._of}: {self._jars_done}/{self._jars} jars, "
            f"{self._bytes_arrived / 1e6:.1f}/{self._bytes / 1e6:.1f} MB"
        )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
