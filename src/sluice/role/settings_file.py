"""The settings file as a role follows it: read at the start, and again whenever it changes.

The file is looked at a few times a second instead of being watched by the kernel, which works on every file system
and with the links that Kubernetes swaps when a ConfigMap changes. Each look reads the whole file: its time of change
is too coarse to tell two changes apart.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import time
import tomllib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract import projects
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from sluice.contract.projects import Projects

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
"""A change is in force after two looks and the time to read it: within a second."""

REMIND_EVERY_S = 60.0

_STATUS_CHARACTERS = 300


def source_of(named: Path | None, *, local: bool) -> Traversable | None:
    """Give the settings file that was named, else the local stack's own where this is part of it, else nothing."""
    if named is None and local:
        return importlib.resources.files("sluice.local").joinpath("demo.toml")
    return named


def _take_all(parsed: Projects) -> None:
    """Refuse nothing."""


def _say_nothing(_text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file. `check` raises `Unusable` for one that is valid but not good for this role."""

    source: Traversable
    check: Callable[[Projects], None] = _take_all

    def read(self) -> bytes:
        """Read the whole file. Raises `Unusable`."""
        try:
            return self.source.read_bytes()
        except OSError as error:
            raise Unusable(f"cannot read the settings file {self.source}: {error.strerror}") from None

    def parse(self, content: bytes) -> Projects:
        """Check what the file holds. Raises `Unusable` with one sentence that says what is wrong."""
        try:
            document = tomllib.loads(content.decode())
        except (ValueError, RecursionError) as error:
            raise Unusable(f"the settings file {self.source} is not TOML: {error}") from None
        parsed = projects.parse(document)
        self.check(parsed)
        return parsed


class SettingsFollower:
    """Notices when the settings file changes, and what of it can be taken.

    A change counts once two looks in a row found the same, so that nobody is caught writing. A file that cannot be
    taken leaves in force what was there before; meanwhile `settings_file_ok` is False, and the log and the role's
    status say why, once for each new content and again every minute.
    """

    def __init__(
        self,
        file: SettingsFile,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = _say_nothing,
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`clock` gives seconds since some moment.

        `say` takes a few words for whoever supervises this process, and none once they hold no more; in any thread.
        """
        self.settings_file_ok = True
        self._look_every_s = look_every_s
        self._file = file
        self._clock = clock
        self._say = say
        self._seen: bytes | str | None = None
        self._judged: bytes | str | None = None
        self._problem = ""
        self._said_at_s = 0.0

    def load(self) -> Projects:
        """Read the file for the first time. Raises `Unusable`."""
        content = self._file.read()
        parsed = self._file.parse(content)
        self._judged = content
        log.info("%s", _summary(self._file, parsed))
        return parsed

    def look(self) -> Projects | None:
        """Read the file again; give what is to be taken from now on, None where nothing is."""
        seen_before, self._seen = self._seen, self._content_or_problem()
        if self._seen != seen_before:
            return None
        if self._seen != self._judged:
            self._judged = self._seen
            return self._judge(self._judged)
        if not self.settings_file_ok and self._clock() - self._said_at_s >= REMIND_EVERY_S:
            self._complain()
        return None

    def _content_or_problem(self) -> bytes | str:
        try:
            return self._file.read()
        except Unusable as problem:
            return str(problem)

    def _judge(self, found: bytes | str) -> Projects | None:
        was_ok, self.settings_file_ok = self.settings_file_ok, False
        try:
            parsed = self._file.parse(_readable(found))
        except Unusable as problem:
            self._problem = str(problem)
            self._complain()
            return None
        self.settings_file_ok = True
        log.info("%s", _summary(self._file, parsed))
        if not was_ok:
            self._say("the settings file is taken again")
            self._say("")
        return parsed

    def _complain(self) -> None:
        self._said_at_s = self._clock()
        log.error("the settings file is not taken, the one of before stays in force: %s", self._problem)
        self._say(f"the settings file is not taken: {self._problem:.{_STATUS_CHARACTERS}}")

    @asynccontextmanager
    async def following(self, take: Callable[[Projects], None]) -> AsyncIterator[None]:
        """While the block runs, hand each change that can be taken to `take`, on the event loop."""
        task = asyncio.create_task(self.follow(take))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def follow(self, take: Callable[[Projects], None]) -> None:
        """Do so until the task is cancelled."""
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                # A file may lie on a slow disk, and one of many keys takes a while to check.
                changed = await asyncio.to_thread(self.look)
                if changed is not None:
                    take(changed)
            except Exception:
                log.exception("the settings file is not taken")


def _readable(found: bytes | str) -> bytes:
    if isinstance(found, str):
        raise Unusable(found)
    return found


def _summary(file: SettingsFile, parsed: Projects) -> str:
    keys = sum(len(project.keys) for project in parsed.projects.values())
    rules = sum(len(project.first_wins) for project in parsed.projects.values())
    return f"took {file.source}: projects {len(parsed.projects)}, keys {keys}, rules {rules}"
