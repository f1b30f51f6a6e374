"""What the processors tell people: how many events they reject, once a minute, and which partitions pause."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract.event import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from sluice.contract.processed import Processed
    from sluice.processors.alarm import Counted

log = logging.getLogger(__name__)

EVERY_S = 60


@dataclass(frozen=True)
class Pause:
    """Why a partition pauses before an offset: the minute's counts, and the first event there on which a rule failed.

    `reason` is what was raised, in words.
    """

    partition: int
    offset: int
    minute: Counted
    event_id: str
    reason: str


class Report:
    """Speaks for all partitions of one worker.

    `clock` gives seconds that never go back; `say` takes a few words for whoever supervises this process, and none
    once they hold no more.
    """

    def __init__(self, clock: Callable[[], float], say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._paused: set[int] = set()
        self._rejected: Counter[str] = Counter()
        self._told_at = float("-inf")

    def committed(self, partition: int, lines: Iterable[Processed]) -> None:
        """Count what was decided for good."""
        if partition in self._paused:
            self._paused.remove(partition)
            log.warning("partition %s goes on", partition)
            self._say(f"partition {partition} goes on")
            self._say(_paused(self._paused))
        self._rejected.update(kind_of(line) for line in lines if line.outcome is not Outcome.STORED)
        if self._rejected and self._clock() - self._told_at >= EVERY_S:
            kinds = sorted(self._rejected.items())
            log.info("rejected: %s", ", ".join(f"{times} {kind}" for kind, times in kinds))
            self._rejected.clear()
            self._told_at = self._clock()

    def paused(self, pause: Pause, again_in_s: float) -> None:
        """Tell that a partition does not go on, and what to do."""
        self._paused.add(pause.partition)
        log.error(
            "partition %s is paused at offset %s: rules failed on %s of a minute's %s events, there on event %s: "
            "%.500r. What comes from there on is kept, and waits. Start this worker with rules that can decide it, "
            "or have such events rejected as invalid: SLUICE_PROCESSORS_PAUSE_FAILED_PERCENT=100 never pauses. "
            "Trying again in %g s",
            pause.partition, pause.offset, pause.minute.raised, pause.minute.decided, pause.event_id, pause.reason,
            again_in_s,
        )  # fmt: skip
        self._say(_paused(self._paused))

    def given_up(self, partition: int) -> None:
        """Take note that another worker speaks for a partition from now on."""
        if partition in self._paused:
            self._paused.remove(partition)
            self._say(_paused(self._paused))


def _paused(partitions: Collection[int]) -> str:
    """Say which partitions pause; nothing where none does."""
    if not partitions:
        return ""
    which = ", ".join(map(str, sorted(partitions)))
    are = "partition {} is" if len(partitions) == 1 else "partitions {} are"
    return f"{are.format(which)} paused: rules fail on too many events, see the log"


def kind_of(rejected: Processed) -> str:
    """Give in a few words why an event was rejected, the same for all of a kind."""
    if rejected.outcome is Outcome.INVALID:
        return f"{rejected.outcome} ({rejected.reason.partition(':')[0]})"
    return str(rejected.outcome)
