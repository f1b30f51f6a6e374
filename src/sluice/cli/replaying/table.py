"""Rejected events in ClickHouse: read-only, and what users typed is bound, never part of a statement."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.cli.forgetting.register import Register
from sluice.cli.replaying.rows import AFTER_ALL, REPLAYABLE, Candidate, Kept, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.replaying.filters import Filters
    from sluice.cli.replaying.rows import Place

_ROW = """
    toUnixTimestamp64Milli(received_at) AS received_ms, project, api, event_type, outcome, stage, reason,
    toString(event_id) AS id, toString(duplicate_of) AS first, replay, request_id, toString(source_topic) AS topic,
    source_partition, source_offset, source_line, toUnixTimestamp64Milli(source_timestamp) AS source_ms
"""

_LATEST = """
SELECT {row} FROM sluice.rejected_events WHERE {condition}
ORDER BY received_at DESC, id DESC, replay DESC, source_partition, source_offset, source_line
LIMIT {{limit:UInt32}}
"""

# What names one event or its rivals is left out, so that alike reasons count as one.
_COUNTS = r"""
SELECT outcome, replaceRegexpOne(
    replaceRegexpOne(reason, ': event [0-9a-f-]{{36}} of [0-9T:.Z+-]+$', ''),
    '(?s)(order|unique_id|Idempotency-Key) .+? ((was confirmed )?before|was accepted and decided within 24 hours)$',
    '\\1 ... \\2') AS kind, count() AS events
FROM sluice.rejected_events WHERE {condition}
GROUP BY ALL ORDER BY events DESC, outcome, kind
"""

_ALL_ROWS = """
SELECT {row}, raw_line, base64Encode(payload) FROM sluice.event_log WHERE event_id = {{event_id:UUID}}
ORDER BY replay, source_timestamp, source_partition, source_offset, source_line
"""

# Which rows a page is about to hold a plain column says first, which ClickHouse reads before it reads the others.
_CANDIDATES = """
WITH found AS
(
    SELECT {row}, length(payload) + length(raw_line) AS size, {line} AS line_kept, {event} AS event_kept, event_id
    FROM sluice.rejected_events
    WHERE {condition} AND outcome IN {{replayable:Array(String)}}
        AND received_at >= fromUnixTimestamp64Milli({{after_ms:Int64}}, 'UTC')
        AND received_at <= fromUnixTimestamp64Milli({{upto_ms:Int64}}, 'UTC')
        AND (received_ms, id) > ({{after_ms:Int64}}, {{after_id:String}})
        AND (received_ms, id) <= ({{upto_ms:Int64}}, {{upto_id:String}})
    ORDER BY received_ms, id, replay DESC, source_timestamp DESC, source_offset DESC, source_line DESC
    LIMIT 1 BY event_id
    LIMIT {{limit:UInt32}}
)
SELECT found.* EXCEPT (event_id, size, line_kept, event_kept), size, last_replay, stored, refusals,
    line_kept, event_kept
FROM found LEFT JOIN
(
    SELECT event_id, max(replay) AS last_replay, countIf(outcome = 'stored') AS stored,
        uniqExactIf(source_topic, source_partition, source_offset, source_line, replay > 0 AND stage = 'sink')
            AS refusals
    FROM sluice.event_log WHERE event_id IN (SELECT event_id FROM found)
    GROUP BY event_id
) AS all_rows ON all_rows.event_id = found.event_id
ORDER BY received_ms, id
"""

_STAYING = """
SELECT outcome, count() FROM sluice.rejected_events
WHERE {condition} AND outcome NOT IN {{replayable:Array(String)}}
GROUP BY outcome ORDER BY outcome
"""

_KNOWN = """
SELECT DISTINCT toString(event_id) AS id FROM sluice.event_log WHERE event_id IN {event_ids:Array(UUID)}
"""
_NO_LIMIT = 2**32 - 1
IDS_AT_ONCE = 100
"""A statement with its parameters stays small."""


_REPLAYABLE = [outcome.value for outcome in REPLAYABLE]


class Count(NamedTuple):
    """How many rejected rows have this outcome and this kind of reason."""

    outcome: str
    kind: str
    rows: int


class Sent(NamedTuple):
    """A row, and what it keeps of what was sent."""

    row: Row
    raw_line: bytes
    payload: bytes


class RejectedEvents:
    """The rejected events of a ClickHouse. Each method raises `Unusable` where it cannot be asked."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def latest(self, filters: Filters, limit: int) -> list[Row]:
        """Give rejected rows, the latest first."""
        condition, bound = filters.condition()
        statement = _LATEST.format(row=_ROW, condition=condition)
        return [Row(*found) for found in await self._clickhouse.ask(statement, **bound, limit=limit)]

    async def counts(self, filters: Filters) -> list[Count]:
        """Count rejected rows by outcome and reason, the most frequent first."""
        condition, bound = filters.condition()
        return [Count(*found) for found in await self._clickhouse.ask(_COUNTS.format(condition=condition), **bound)]

    async def rows_of(self, event_id: str) -> list[Sent]:
        """Give all rows of one event, whatever became of them, in the order of its replays."""
        found = await self._clickhouse.ask(_ALL_ROWS.format(row=_ROW), event_id=event_id)
        return [Sent(Row(*row), raw_line.encode(), b64decode(payload)) for *row, raw_line, payload in found]

    async def candidates(self, filters: Filters, after: Place, limit: int) -> list[Candidate]:
        """Give the events that other rules may store, after this place, in the order of replaying."""
        found = await self._ask(filters, after, AFTER_ALL, limit, "''", "''")
        return [_candidate(*columns) for *columns, _, _ in found]

    async def kept(self, filters: Filters, after: Place, upto: Place) -> list[Kept]:
        """Give those after one place, up to and with another, and what is kept of what was sent."""
        found = await self._ask(filters, after, upto, _NO_LIMIT, "raw_line", "base64Encode(payload)")
        return [Kept(_candidate(*columns), line.encode(), b64decode(event)) for *columns, line, event in found]

    async def staying(self, filters: Filters) -> dict[str, int]:
        """Count the rows that stay what they are, by outcome."""
        condition, bound = filters.condition()
        statement = _STAYING.format(condition=condition)
        found = await self._clickhouse.ask(statement, **bound, replayable=_REPLAYABLE)
        return {outcome: rows for outcome, rows in found}  # noqa: C416 - they are no tuples

    async def known(self, event_ids: Sequence[str]) -> set[str]:
        """Tell which of these ids any row has."""
        known: set[str] = set()
        for start in range(0, len(event_ids), IDS_AT_ONCE):
            found = await self._clickhouse.ask(_KNOWN, event_ids=event_ids[start : start + IDS_AT_ONCE])
            known.update(event_id for (event_id,) in found)
        return known

    async def forgotten(self, event_ids: Sequence[str]) -> set[str]:
        """Tell which of these events are of people who were to be forgotten."""
        return await Register(self._clickhouse).among(event_ids)

    async def _ask(
        self, filters: Filters, after: Place, upto: Place, limit: int, line: str, event: str
    ) -> Sequence[Sequence[Any]]:
        """Ask for candidates; `line` and `event` say in SQL what to give of what was sent."""
        condition, bound = filters.condition()
        return await self._clickhouse.ask(
            _CANDIDATES.format(row=_ROW, condition=condition, line=line, event=event),
            **bound,
            after_ms=after.received_ms,
            after_id=after.event_id,
            upto_ms=upto.received_ms,
            upto_id=upto.event_id,
            limit=limit,
            replayable=_REPLAYABLE,
        )


def _candidate(*found: Any) -> Candidate:
    *row, size, last_replay, stored, refusals = found
    return Candidate(Row(*row), size, last_replay, stored > 0, refusals)
