"""The search: the table first, then what it cannot have yet, from the sinks back to the gateway.

An event moves on while it is searched for. So how far a step is gets asked before what lies behind it is searched:
what is not beyond the mark is in the table by then, and what is not beyond the marker is on events.processed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from sluice.cli.reading import progress
from sluice.cli.reading.log import Log, side_by_side
from sluice.cli.tracing.sighting import COLUMNS, Place, Sighting, of_row, on_processed, on_raw
from sluice.contract import ndjson, processed, topics
from sluice.contract.durations import MINUTE_MS
from sluice.contract.errors import Malformed, Retry
from sluice.contract.event import Outcome
from sluice.contract.processed import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.reading.log import PartitionLog
    from sluice.cli.tracing.wanted import Wanted

ROWS = 10_000
"""A request has at most a thousand events, an order a few duplicates; of more, some are left out."""

ROWS_AT_ONCE = 1000
"""So many rows are asked for by their coordinates in one statement."""

_ROWS = f"""
SELECT {COLUMNS} FROM sluice.event_log
WHERE source_topic = {{topic_id:UUID}}
    AND (source_partition, source_offset, source_line) IN {{places:Array(Tuple(UInt32, UInt64, UInt32))}}
"""  # noqa: S608 - our own text

SLACK_MS = MINUTE_MS
"""By so much the clocks of machines may differ."""

SENT_WITHIN_MS = 2 * MINUTE_MS
"""So soon after its id was made an event stands on events.raw."""


class Span(NamedTuple):
    """The raw records that are searched: written at or after `since`, and the decided ones before `until`.

    Both are in milliseconds since 1970 in UTC; without `until` there is no end.
    """

    since: int
    until: int | None = None


def spans(made_at: int | None, now: int, since: int) -> Sequence[Span]:
    """Give what is searched one after the other, until something is found.

    An id of ours was made when the event came, at `made_at`. But such an id may be a client's own, of an order or a
    request, and its event may have come at any time since: so `since` holds for it, too.
    """
    if made_at is None:
        return (Span(since),)
    near = max(0, min(made_at, now) - SLACK_MS)
    return Span(near, made_at + SENT_WITHIN_MS), Span(min(near, since))


@dataclass
class Trace:
    """What was found, in the order in which it was accepted, and what was searched.

    `since` is from when on Kafka was searched last, in milliseconds since 1970 in UTC; None where it was not.
    `searched` counts the records of that search by topic. `unsearched` says why Kafka could not be searched. `marks`
    and `markers` give by partition the highest raw offsets that are stored and decided.
    """

    found: list[Sighting] = field(default_factory=list)
    since: int | None = None
    unsearched: str = ""
    searched: Counter[str] = field(default_factory=Counter)
    marks: Mapping[int, int] = field(default_factory=dict)
    markers: Mapping[int, int] = field(default_factory=dict)

    @property
    def lost(self) -> Sequence[Sighting]:
        """Give what was accepted, and is neither in the table nor on its way there."""
        return [seen for seen in self.found if seen.place is Place.LOST]


class Tracer:
    """Searches one deployment. `now` and `since` are in milliseconds since 1970 in UTC."""

    def __init__(self, clickhouse: ClickHouse, bootstrap: str, sought: Wanted, now: int, since: int) -> None:
        self._clickhouse = clickhouse
        self._raw = Log(bootstrap, topics.RAW.name)
        self._processed = Log(bootstrap, topics.PROCESSED.name)
        self._changelog = Log(bootstrap, topics.CHANGELOG.name)
        self._sought = sought
        self._spans = spans(sought.made_at, now, since)
        self._topic_id = ""
        self._found: dict[tuple[str, int, int, int], Sighting] = {}

    async def trace(self) -> Trace:
        """Search.

        Raises `Unusable` when ClickHouse cannot be asked, and `Retry` when Kafka cannot and the table has nothing.
        """
        await self._ask_table()
        trace = Trace()
        if not self._is_settled():
            try:
                await self._search_kafka(trace)
            except Retry as error:
                if not self._found:
                    raise
                trace.unsearched = str(error)
            await self._find_rows_without_ids()
        trace.found = sorted(self._found.values(), key=lambda seen: (seen.received_at, seen.coordinates))
        return trace

    def _is_settled(self) -> bool:
        """Tell whether nothing more can be found.

        An event is stored once. A rejected one may have been sent in again; a request or an order may have others.
        """
        return any(
            seen.event_id == self._sought.event_id and seen.outcome == Outcome.STORED for seen in self._found.values()
        )

    async def _ask_table(self) -> None:
        conditions = {"request_id = {id:String}": self._sought.text, "order_id = {id:String}": self._sought.text}
        if self._sought.event_id:
            conditions["event_id = {id:UUID}"] = self._sought.event_id
        for condition, value in conditions.items():
            sql = f"SELECT {COLUMNS} FROM sluice.event_log WHERE {condition} LIMIT {ROWS}"  # noqa: S608 - our own text
            self._note(map(of_row, await self._clickhouse.ask(sql, id=value)))

    async def _find_rows_without_ids(self) -> None:
        """Look once more for what seems lost, where its rows must be: one that was blanked has lost its ids."""
        lost = [seen for seen in self._found.values() if seen.place is Place.LOST]
        for some in (lost[start : start + ROWS_AT_ONCE] for start in range(0, len(lost), ROWS_AT_ONCE)):
            places = [seen.coordinates[1:] for seen in some]
            rows = await self._clickhouse.ask(_ROWS, topic_id=self._topic_id, places=places)
            for row in map(of_row, rows):
                self._found[row.coordinates] = with_row(self._found[row.coordinates], row)

    async def _search_kafka(self, trace: Trace) -> None:
        self._topic_id = await self._raw.topic_id()
        trace.marks = await progress.marks_near_ends(self._marks_from, await self._raw.ranges())
        await self._ask_table()
        known = bool(self._found)
        trace.markers = await progress.markers(self._changelog, self._topic_id)
        for span in self._spans:
            trace.since = span.since
            trace.searched.clear()
            await self._search_processed(trace, span)
            await self._search_raw(trace, span, beyond_markers_only=known)
            if self._found:
                return

    async def _marks_from(self, offset: int) -> Mapping[int, int]:
        return await progress.marks(self._clickhouse, self._topic_id, offset)

    async def _search_processed(self, trace: Trace, span: Span) -> None:
        held = await self._processed.ranges_since(span.since)

        async def search(partition: int) -> None:
            mark = trace.marks.get(partition, -1)
            async with self._processed.opened(partition) as log:
                start = await start_after(log, held[partition], self._topic_id, mark)
                async for records in log.records(range(start, held[partition].stop)):
                    trace.searched[topics.PROCESSED.name] += len(records)
                    for record in records:
                        self._note(
                            judged(seen, self._topic_id, mark) for seen in on_processed(record.value, self._sought)
                        )

        behind = [at for at, marker in trace.markers.items() if marker > trace.marks.get(at, -1) and held.get(at)]
        await side_by_side(behind, search)

    async def _search_raw(self, trace: Trace, span: Span, *, beyond_markers_only: bool) -> None:
        held = await self._raw.ranges_since(span.since)
        after = held if span.until is None else await self._raw.ranges_since(span.until)

        async def search(partition: int) -> None:
            undecided = max(held[partition].start, trace.markers.get(partition, -1) + 1)
            likely_until = held[partition].stop if span.until is None else after[partition].start
            likely = range(held[partition].start, min(undecided, likely_until))
            async with self._raw.opened(partition) as log:
                for wanted in (() if beyond_markers_only else (likely,)) + (range(undecided, held[partition].stop),):
                    await self._search_records(log, wanted, partition, trace)

        await side_by_side((partition for partition in held if held[partition]), search)

    async def _search_records(self, log: PartitionLog, wanted: range, partition: int, trace: Trace) -> None:
        mark = trace.marks.get(partition, -1)
        async for records in log.records(wanted):
            trace.searched[topics.RAW.name] += len(records)
            for record in records:
                source = Source(self._topic_id, partition, record.offset, 0, record.timestamp)
                self._note(
                    judged(seen, self._topic_id, mark, trace.markers.get(partition, -1))
                    for seen in on_raw(record.value, self._sought, source)
                )

    def _note(self, seen: Iterable[Sighting]) -> None:
        for one in seen:
            self._found.setdefault(one.coordinates, one)


def judged(seen: Sighting, topic_id: str, mark: int, marker: int = -1) -> Sighting:
    """Give the sighting of an event that the table does not show, with how far it has come."""
    if seen.source.topic != topic_id:
        return seen
    if seen.source.offset <= mark:
        return replace(seen, place=Place.LOST)
    return replace(seen, place=Place.DECIDED) if seen.source.offset <= marker else seen


def with_row(lost: Sighting, row: Sighting) -> Sighting:
    """Give what seemed lost as the row with its coordinates shows it, which may lack the ids that it was sent with.

    A row of another event is none of this one.
    """
    if row.event_id != lost.event_id:
        return lost
    return replace(row, request_id=lost.request_id, order_id=lost.order_id)


async def start_after(log: PartitionLog, held: range, topic_id: str, mark: int) -> int:
    """Give an offset of events.processed from which on everything beyond the mark stands, near the first of it."""
    for position in progress.ever_farther_back(held):
        if position == held.start:
            break
        first = await log.first(range(position, held.stop))
        if first is not None and _begins_at_or_before(first.value, topic_id, mark):
            return position
    return held.start


def _begins_at_or_before(value: bytes | None, topic_id: str, mark: int) -> bool:
    """Tell whether a record begins with what is stored by now; one of an older topic does, too."""
    try:
        source = processed.decode(ndjson.split(value or b"")[0]).source
    except Malformed:
        return False
    return source.topic != topic_id or source.offset <= mark
