"""Rejected events as ClickHouse has them, and which of them may be sent in again. Pure."""

from __future__ import annotations

from typing import NamedTuple

from sluice.contract.event import LATEST_MS, Outcome
from sluice.contract.processed import Source

REPLAYABLE = (Outcome.BOT, Outcome.INVALID)
"""What other rules, or mended ones, may store. What lost to another event has lost: a duplicate stays one."""


class Place(NamedTuple):
    """Where an event stands in the order in which events are replayed: by when the gateway took them."""

    received_ms: int
    event_id: str


BEFORE_ALL = Place(-1, "")
AFTER_ALL = Place(LATEST_MS + 1, "")


class Row(NamedTuple):
    """What `sluice.event_log` shows of one event, once for each time that it was sent in.

    Times are in milliseconds since 1970; `first` is the id of the event that it lost to, where it is a duplicate.
    """

    received_ms: int
    project: str
    api: str
    event_type: str
    outcome: str
    stage: str
    reason: str
    event_id: str
    first: str | None
    replay: int
    request_id: str
    source_topic: str
    source_partition: int
    source_offset: int
    source_line: int
    source_ms: int

    @property
    def source(self) -> Source:
        """Give where its raw line stood."""
        return Source(self.source_topic, self.source_partition, self.source_offset, self.source_line, self.source_ms)


class Candidate(NamedTuple):
    """The latest rejected row of one event, and what its other rows say.

    `size` is how many bytes the row keeps of what was sent. `last_replay` is the highest replay that any of the
    event's rows has, `stored` tells whether one of them is stored, and `refusals` how many of its replays ClickHouse
    refused.
    """

    row: Row
    size: int
    last_replay: int
    stored: bool
    refusals: int

    @property
    def place(self) -> Place:
        """Give its place in the order of replaying."""
        return Place(self.row.received_ms, self.row.event_id)


class Kept(NamedTuple):
    """What a row keeps of what was sent: the raw line with null for its event (empty where none), and the event."""

    candidate: Candidate
    raw_line: bytes
    payload: bytes


def why_not(candidate: Candidate, max_replays: int) -> str | None:
    """Say why an event is not sent in again; None where it may be.

    Only the row of an event's highest replay counts: the others tell of what it was before.
    """
    row = candidate.row
    if row.outcome not in REPLAYABLE:
        return f"{row.outcome}: it lost to another event, and that stays so"
    if candidate.stored:
        return "it was sent in again since, and stored"
    if candidate.last_replay > row.replay:
        return "it was sent in again since, and something else became of it"
    if row.replay >= max_replays:
        return f"it was sent in again {row.replay} time{'s' if row.replay > 1 else ''}; --max-replays allows no more"
    return None
