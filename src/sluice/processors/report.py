"""What the processors tell people: how many events they reject, once a minute, and which partitions pause."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract.event import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sluice.contract.processed import Processed
    from sluice.processors.alarm import Counted

log = logging.getLogger(__name__)

EVERY_S = 60


@dataclass(frozen=True)
class Pause:
    """Why a partition pauses before an offset: the `cause` in a few words, and what there is to say and to do."""

    partition: int
    offset: int
    cause: str
    words: str


def failing_rules(partition: int, offset: int, minute: Counted, event_id: str, reason: str) -> Pause:
    """Give the pause where rules fail on too many of a minute's events.

    The event is the first of them at that offset, and `reason` is what was raised on it, in words.
    """
    return Pause(
        partition,
        offset,
        "rules fail on too many events",
        f"rules failed on {minute.raised} of a minute's {minute.decided} events, there on event {event_id}: "
        f"{reason!r:.500}; start this worker with rules that can decide it, "
        "or have such events rejected as invalid: SLUICE_PROCESSORS_PAUSE_FAILED_PERCENT=100 never pauses",
    )


class Report:
    """Speaks for all partitions of one worker.

    `clock` gives seconds that never go back; `say` takes a few words for whoever supervises this process, and none
    once they hold no more.
    """

    def __init__(self, clock: Callable[[], float], say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._paused: dict[int, str] = {}
        self._rejected: Counter[str] = Counter()
        self._told_at = float("-inf")

    def committed(self, partition: int, lines: Iterable[Processed]) -> None:
        """Count what was decided for good."""
        if self._paused.pop(partition, None):
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
        self._paused[pause.partition] = pause.cause
        log.error(
            "partition %s is paused at offset %s: %s. What comes from there on is kept, and waits. "
            "Trying again in %g s",
            pause.partition, pause.offset, pause.words, again_in_s,
        )  # fmt: skip
        self._say(_paused(self._paused))

    def given_up(self, partition: int) -> None:
        """Take note that another worker speaks for a partition from now on."""
        if self._paused.pop(partition, None):
            self._say(_paused(self._paused))


def _paused(causes: Mapping[int, str]) -> str:
    """Say which partitions pause, given the cause of each; nothing where none does."""
    if not causes:
        return ""
    which = ", ".join(map(str, sorted(causes)))
    are = "partition {} is" if len(causes) == 1 else "partitions {} are"
    different = set(causes.values())
    why = different.pop() if len(different) == 1 else "for different reasons"
    return f"{are.format(which)} paused: {why}, see the log"


def kind_of(rejected: Processed) -> str:
    """Give in a few words why an event was rejected, the same for all of a kind."""
    if rejected.outcome is Outcome.INVALID:
        return f"{rejected.outcome} ({rejected.reason.partition(':')[0]})"
    return str(rejected.outcome)
