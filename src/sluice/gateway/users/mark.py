"""How far a replica has read its log, and whether it may go on from there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluice.contract.durations import HOUR_MS
from sluice.contract.topics import FORGETTING_KEPT_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ABSENCE_MS = FORGETTING_KEPT_MS // 2
"""Whoever is away for longer may never see a record that forgets an identifier, and would know it for ever."""


class Stale(Exception):
    """What is stored here cannot be continued: the log must be read again from its start. The message says why."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a store has come: the log's topic id, the next offset of each partition, and when it knew all.

    `complete_at` is the time, in milliseconds since 1970, at which the store last held everything that the log did,
    or else at which it began with the log's start.
    """

    topic_id: str
    complete_at: int
    next_offsets: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogState:
    """The log as it is now: Kafka's id of the topic, and the offsets that each partition holds."""

    topic_id: str
    ranges: Mapping[int, range]


def refuse_stale(mark: Mark, log: LogState, now: int) -> None:
    """Raise `Stale` where a store at this mark would miss something if it went on with this log."""
    if mark.topic_id != log.topic_id:
        raise Stale("the topic was made anew")
    if abs(now - mark.complete_at) >= LONGEST_ABSENCE_MS:
        hours = abs(now - mark.complete_at) // HOUR_MS
        raise Stale(
            f"it was last complete {hours} hours ago, and Kafka may have dropped what was forgotten since then"
        )
    for partition, next_offset in mark.next_offsets.items():
        held = log.ranges.get(partition, range(0))
        if next_offset > held.stop:
            raise Stale(f"partition {partition} ends at {held.stop}, and was read up to {next_offset}")
        if next_offset < held.start:
            raise Stale(f"partition {partition} starts at {held.start}, and was read up to {next_offset} only")


def refuse_absence(complete_at: int, now: int) -> None:
    """Raise `Stale` where so long has passed since a store was complete that it may have missed a forgetting."""
    absence_ms = abs(now - complete_at)
    if absence_ms >= LONGEST_ABSENCE_MS:
        raise Stale(f"it was last complete {absence_ms // HOUR_MS} hours ago, and what was forgotten may be gone")
