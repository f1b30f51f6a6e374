"""What was found of an id, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sluice.cli.reading.shown import moment, number, printable
from sluice.cli.tracing.sighting import Place
from sluice.contract import topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluice.cli.tracing.sighting import Sighting
    from sluice.cli.tracing.tracer import Trace

COLUMNS = ("accepted (UTC)", "partition:offset:line", "project", "api", "type", "is", "outcome", "reason", "event id")
TYPES = (*["String"] * 8, "UUID")

WHERE_TO = {
    Place.ACCEPTED: "waits for the processors",
    Place.DECIDED: "waits for the sinks",
    Place.STORED: "in ClickHouse",
    Place.FORGOTTEN: "in ClickHouse, forgotten",
    Place.LOST: "LOST",
}


def summary(found: Sequence[Sighting]) -> str:
    """Say in one line how many events were found, and how far they have come."""
    counted = Counter((seen.place, seen.outcome) for seen in found)
    parts = [
        f"{count:,} {outcome + ', ' if outcome else ''}{WHERE_TO[place]}"
        for (place, outcome), count in sorted(counted.items())
    ]
    return f"{number(len(found), 'event')}: {'; '.join(parts)}"


def as_table(found: Sequence[Sighting]) -> tuple[Sequence[str], Sequence[str], Sequence[Sequence[str]]]:
    """Give names, types and rows; replays are told apart by a column of their own, where there are any."""
    rows = [line(seen) for seen in found]
    if not any(seen.replay for seen in found):
        return COLUMNS, TYPES, rows
    numbered = [(*row, str(seen.replay)) for row, seen in zip(rows, found, strict=True)]
    return (*COLUMNS, "replay"), (*TYPES, "UInt16"), numbered


def line(seen: Sighting) -> Sequence[str]:
    """Give one event for the table of several."""
    return (
        moment(seen.received_at),
        place_on_kafka(seen),
        printable(seen.project, 40),
        seen.api,
        printable(seen.event_type, 40),
        WHERE_TO[seen.place],
        seen.outcome,
        printable(seen.reason, 60),
        seen.event_id,
    )


def place_on_kafka(seen: Sighting) -> str:
    """Give partition, offset and line on events.raw."""
    return f"{seen.source.partition}:{seen.source.offset}:{seen.source.line}"


def details(seen: Sighting, trace: Trace) -> Iterable[tuple[str, str]]:
    """Give all that is known of one event: names and values."""
    source = seen.source
    yield "event", seen.event_id
    yield "request", printable(seen.request_id)
    if seen.order_id:
        yield "order", printable(seen.order_id)
    yield "project", f"{printable(seen.project) or '(none)'}, API {seen.api or '(none)'}"
    yield "type", printable(seen.event_type) or "(none)"
    yield "accepted", f"{moment(seen.received_at)} UTC" + (f", replay {seen.replay}" if seen.replay else "")
    yield "raw line", f"{topics.RAW.name}, partition {source.partition}, offset {source.offset}, line {source.line}"
    if seen.outcome:
        yield "decision", seen.outcome + (f" by the {seen.stage}" if seen.stage else "")
    if seen.reason:
        yield "reason", printable(seen.reason)
    if seen.duplicate_of:
        yield "first one", seen.duplicate_of
    if seen.place is Place.FORGOTTEN:
        yield "forgotten", "its person was: the row is there, and nothing personal is left in it"
    yield _whereabouts(seen, trace)


def _whereabouts(seen: Sighting, trace: Trace) -> tuple[str, str]:
    source = seen.source
    if seen.has_row:
        return "row", (
            f"{seen.view} WHERE source_topic = '{source.topic}' AND source_partition = {source.partition} "
            f"AND source_offset = {source.offset} AND source_line = {source.line}"
        )
    if seen.place is Place.LOST:
        return "LOST", (
            f"there is no row, although partition {source.partition} is stored up to offset "
            f"{trace.marks.get(source.partition)}; `sluice audit` says what else is missing"
        )
    by, done, reached = (
        ("the processors", "decided", trace.markers)
        if seen.place is Place.ACCEPTED
        else ("the sinks", "stored", trace.marks)
    )
    return "waits for", f"{by}: {_behind(source.partition, source.offset, done, reached.get(source.partition))}"


def _behind(partition: int, offset: int, done: str, reached: int | None) -> str:
    if reached is None:
        return f"nothing of partition {partition} is {done} yet"
    return f"partition {partition} is {done} up to offset {reached}, {number(offset - reached, 'raw record')} behind"


def nowhere(text: str, trace: Trace) -> str:
    """Say that nothing was found, and what was searched."""
    names = [name for name in (topics.PROCESSED.name, topics.RAW.name) if trace.searched[name]]
    counts = " and ".join(f"{number(trace.searched[name], 'record')} of {name}" for name in names)
    kafka = f"in {counts}" if names else "on Kafka, which holds nothing"
    since = f" from {moment(trace.since)} UTC on" if trace.since is not None else ""
    return (
        f"there is no event with the id '{printable(text, 80)}', be it of an event, a request or an order: it is not "
        f"in sluice.event_log, nor {kafka}{since} (--since looks further back)"
    )


def as_json(seen: Sighting) -> dict[str, Any]:
    """Give one event for a program."""
    return {
        "event_id": seen.event_id,
        "request_id": seen.request_id,
        "order_id": seen.order_id,
        "project": seen.project,
        "api": seen.api,
        "event_type": seen.event_type,
        "received_at": seen.received_at,
        "place": seen.place,
        "outcome": seen.outcome or None,
        "stage": seen.stage or None,
        "reason": seen.reason or None,
        "duplicate_of": seen.duplicate_of,
        "replay": seen.replay,
        "view": seen.view if seen.has_row else None,
        "source_topic": seen.source.topic,
        "source_partition": seen.source.partition,
        "source_offset": seen.source.offset,
        "source_line": seen.source.line,
    }
