"""One event where it was seen: as a row, as a processed line, or as a raw line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from sluice.contract import ndjson, processed, raw
from sluice.contract.errors import Malformed
from sluice.contract.event import Outcome
from sluice.contract.processed import Source
from sluice.processors.rules.canonical import CANONICALISERS
from sluice.processors.rules.canonical.visitor import Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.cli.tracing.wanted import Wanted
    from sluice.contract.event import Event
    from sluice.contract.processed import Processed
    from sluice.contract.raw import RawLine

_NO_VISITORS = Visitors(b"none")


class Place(StrEnum):
    """How far an event has come."""

    ACCEPTED = "accepted"
    """It stands on events.raw and waits for the processors."""

    DECIDED = "decided"
    """It stands on events.processed and waits for the sinks."""

    STORED = "stored"
    """It is a row of the table, whatever its outcome."""

    FORGOTTEN = "forgotten"
    """It is a row of the table, of which nothing personal is left: its person was forgotten."""

    LOST = "lost"
    """It was accepted, and the table has gone past it without a row of it."""


@dataclass(frozen=True)
class Sighting:
    """An event and where it is; `outcome` and what explains it are empty while it is not decided."""

    place: Place
    source: Source
    event_id: str
    request_id: str
    order_id: str
    project: str
    api: str
    event_type: str
    received_at: int
    replay: int = 0
    outcome: str = ""
    stage: str = ""
    reason: str = ""
    duplicate_of: str | None = None

    @property
    def coordinates(self) -> tuple[str, int, int, int]:
        """Give what no other event shares: topic id, partition, offset and line."""
        return self.source.topic, self.source.partition, self.source.offset, self.source.line

    @property
    def view(self) -> str:
        """Give the view that shows the row."""
        return "sluice.events" if self.outcome == Outcome.STORED else "sluice.rejected_events"

    @property
    def has_row(self) -> bool:
        """Whether the table has a row of it."""
        return self.place in (Place.STORED, Place.FORGOTTEN)


COLUMNS = """
    event_id, request_id, order_id, project, api, event_type, toUnixTimestamp64Milli(received_at), replay,
    outcome, stage, reason, duplicate_of,
    source_topic, source_partition, source_offset, source_line, toUnixTimestamp64Milli(source_timestamp),
    empty(payload)
"""


def of_row(row: Sequence[Any]) -> Sighting:
    """Read a row of `COLUMNS`."""
    event_id, request_id, order_id, project, api, event_type, received_at, replay, *rest = row
    outcome, stage, reason, duplicate_of, topic, partition, offset, line, timestamp, is_blank = rest
    return Sighting(
        place=Place.FORGOTTEN if is_blank else Place.STORED,  # every event was sent as something
        source=Source(str(topic), partition, offset, line, timestamp),
        event_id=str(event_id),
        request_id=request_id,
        order_id=order_id,
        project=project,
        api=api,
        event_type=event_type,
        received_at=received_at,
        replay=replay,
        outcome=outcome,
        stage=stage,
        reason=reason,
        duplicate_of=str(duplicate_of) if duplicate_of else None,
    )


def on_processed(value: bytes | None, sought: Wanted) -> Iterator[Sighting]:
    """Give the wanted events of a record of events.processed."""
    for _, text in _candidates(value, sought):
        try:
            line = processed.decode(text)
        except Malformed:
            continue
        if sought.is_one_of(line.event.event_id, line.event.request_id, line.event.order_id):
            yield _decided(line)


def on_raw(value: bytes | None, sought: Wanted, source: Source) -> Iterator[Sighting]:
    """Give the wanted events of a record of events.raw, which stands at `source` (whose line is any)."""
    for number, text in _candidates(value, sought):
        try:
            line = raw.decode(text)
        except Malformed:
            continue
        event = canonical(line)
        if sought.is_one_of(line.id, line.request_id, event.order_id if event else ""):
            yield _accepted(line, event, msgspec.structs.replace(source, line=number))


def canonical(line: RawLine) -> Event | None:
    """Read a raw line as the processors will; None where they will not be able to."""
    try:
        return CANONICALISERS[line.api](line, _NO_VISITORS)
    except Exception:  # noqa: BLE001 - whatever a rule raises, the event is one that they will reject
        return None


def _candidates(value: bytes | None, sought: Wanted) -> Iterator[tuple[int, bytes]]:
    """Give the lines, with their numbers, that may hold the id, without reading them."""
    needles = {msgspec.json.encode(text)[1:-1] for text in (sought.text, sought.event_id) if text}
    # Whoever sent the event may have written any character in escapes.
    if value is None or not (b"\\" in value or any(needle in value for needle in needles)):
        return
    for number, text in enumerate(ndjson.split(value)):
        if b"\\" in text or any(needle in text for needle in needles):
            yield number, text


def _decided(line: Processed) -> Sighting:
    event = line.event
    return Sighting(
        place=Place.DECIDED,
        source=line.source,
        event_id=event.event_id,
        request_id=event.request_id,
        order_id=event.order_id,
        project=line.project,
        api=line.api,
        event_type=event.event_type,
        received_at=event.received_at,
        replay=line.replay,
        outcome=line.outcome,
        stage=line.stage,
        reason=line.reason,
        duplicate_of=line.duplicate_of,
    )


def _accepted(line: RawLine, event: Event | None, source: Source) -> Sighting:
    return Sighting(
        place=Place.ACCEPTED,
        source=source,
        event_id=line.id,
        request_id=line.request_id,
        order_id=event.order_id if event else "",
        project=line.project,
        api=line.api,
        event_type=event.event_type if event else "",
        received_at=line.received_at,
        replay=line.replay,
    )
