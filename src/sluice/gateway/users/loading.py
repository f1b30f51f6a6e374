"""Saying how far a long load has come."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sluice.role.ready import say_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sluice.role.clock import Clock

log = logging.getLogger(__name__)

INTERVAL_MS = 5_000


class LoadReport:
    """Tells, every few seconds, the log and the supervisor; `starts` and `ends` are offsets by partition.

    `say` takes a few words for the supervisor, and none once they hold no more.
    """

    def __init__(
        self,
        clock: Clock,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        say: Callable[[str], None] = say_status,
    ) -> None:
        self._say = say
        self._clock = clock
        self._began = self._told = clock()
        self._start = sum(starts.values())
        self._end = sum(ends.values())

    def progress(self, next_offsets: Mapping[int, int]) -> None:
        """Tell how far it has come, if it is time."""
        if self._clock() - self._told >= INTERVAL_MS:
            self._told = self._clock()
            read, all_of_it = sum(next_offsets.values()) - self._start, self._end - self._start
            log.info("reading the known users: %d of %d offsets", read, all_of_it)
            self._say(f"reading known users, {100 * read // max(1, all_of_it)} %")

    def done(self, records: int) -> None:
        """Tell that everything has been read, and take back how far it was."""
        self._say("")
        log.info("the known users are complete, %d records in %.1f s", records, (self._clock() - self._began) / 1000)
