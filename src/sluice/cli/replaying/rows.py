"""Rejected events as ClickHouse has them, and which of them may be sent in again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sluice.contract.event import Outcome, Stage

if TYPE_CHECKING:
    from sluice.contract.processed import Source

REPLAYABLE = (Outcome.BOT, Outcome.INVALID)
"""What other rules, or mended ones, may store. What lost to another event has lost: a duplicate stays one."""


class Place(NamedTuple):
    """Where an event stands in the order in which events are replayed: by when the gateway took them."""

    received_ms: int
    event_id: str


BEFORE_ALL = Place(-1, "")


@dataclass(frozen=True, slots=True)
class Rejected:
    """The latest rejected row of one event, without what was sent.

    `last_replay` is the highest replay that any of the event's rows has, and `stored` tells whether one of them is
    stored. `size` is how many bytes the row keeps of what was sent.
    """

    event_id: str
    project: str
    api: str
    event_type: str
    outcome: str
    stage: str
    reason: str
    replay: int
    received_ms: int
    source: Source
    size: int
    last_replay: int = 0
    stored: bool = False

    @property
    def place(self) -> Place:
        """Give its place in the order of replaying."""
        return Place(self.received_ms, self.event_id)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a row keeps of what was sent: the raw line with null for its event (empty where none), and the event."""

    row: Rejected
    raw_line: bytes
    payload: bytes


def why_not(row: Rejected, max_replays: int) -> str | None:
    """Say why an event is not sent in again; None where it may be.

    Only the row of an event's highest replay counts: the others tell of what it was before.
    """
    if row.outcome not in REPLAYABLE:
        return f"{row.outcome}: it lost to another event, and that stays so"
    if row.stored:
        return "it was sent in again since, and stored"
    if row.last_replay > row.replay:
        return "it was sent in again since, and something else became of it"
    if row.replay >= max_replays:
        return f"it was sent in again {row.replay} time{'s' if row.replay > 1 else ''}; --max-replays allows no more"
    if row.replay and row.stage == Stage.SINK:
        return "it was sent in again, and ClickHouse refused it again; the processors hold it for stored"
    return None
