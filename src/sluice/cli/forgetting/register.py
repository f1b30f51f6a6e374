"""The table `sluice.forgotten`: who was to be forgotten, and which of their events can be read nonetheless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.cli.forgetting.columns import SESSION_KEY
from sluice.cli.forgetting.entries import NO_EVENT, Entry, batches, condition, ever

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sluice.cli.reading.clickhouse import ClickHouse

_WRITE = """
INSERT INTO sluice.forgotten (project, visitor_id, session_key, event_id, forgotten_at, person)
SELECT {project:String}, entry.1, entry.2, toUUID(entry.3), fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {person:UUID}
FROM
(
    SELECT arrayJoin(arrayZip({visitors:Array(UInt64)}, {sessions:Array(UInt64)}, {events:Array(String)})) AS entry
)
"""

_ALL = """
SELECT project, toUnixTimestamp64Milli(max(forgotten_at)), visitor_id, session_key, toString(event_id)
FROM sluice.forgotten
WHERE {where}
GROUP BY project, visitor_id, session_key, event_id
ORDER BY project, visitor_id, session_key, event_id
"""

_SAME_PERSON = """
SELECT person, groupUniqArray(visitor_id) FROM sluice.forgotten
WHERE project = {project:String} AND visitor_id != 0 AND person IN
(
    SELECT person FROM sluice.forgotten
    WHERE project = {project:String} AND visitor_id IN {visitors:Array(UInt64)} AND visitor_id != 0
)
GROUP BY person
"""

_AMONG = "SELECT DISTINCT toString(event_id) FROM sluice.event_log WHERE event_id IN {{ids:Array(UUID)}} AND {meant}"

_READABLE = "SELECT count() FROM sluice.event_log WHERE {meant}"

_SESSIONS = "SELECT DISTINCT {key} FROM sluice.event_log WHERE session_id != '' AND {meant}"

_EVERYTHING = "true"
_OF_EVENTS = """
    visitor_id IN (SELECT visitor_id FROM sluice.event_log WHERE event_id IN {ids:Array(UUID)})
    OR visitor_id = 0
"""

EVENTS_AT_ONCE = 500
VISITORS_AT_ONCE = 5_000
"""A statement with its parameters stays small."""


class Register:
    """The table of one ClickHouse. Each method raises `Unusable` where it cannot be asked."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def write(self, entries: Sequence[Entry], person: str) -> None:
        """Keep what is forgotten of one person, of whom `person` is a random UUID."""
        for batch in batches(entries):
            await self._clickhouse.change(
                _WRITE,
                project=batch[0].project,
                at=batch[0].forgotten_at,
                person=person,
                visitors=[entry.visitor_id for entry in batch],
                sessions=[entry.session_key for entry in batch],
                events=[entry.event_id for entry in batch],
            )

    async def entries(self) -> list[Entry]:
        """Give all that is forgotten."""
        return [Entry(*row) for row in await self._clickhouse.ask(_ALL.format(where=_EVERYTHING))]

    async def same_people(self, project: str, visitors: Collection[int]) -> Mapping[str, set[int]]:
        """Give the visitors of each person who was forgotten before, and had one of these."""
        ordered, found = sorted(visitors), dict[str, set[int]]()
        for start in range(0, len(ordered), VISITORS_AT_ONCE):
            some = ordered[start : start + VISITORS_AT_ONCE]
            rows = await self._clickhouse.ask(_SAME_PERSON, project=project, visitors=some)
            found |= {str(person): set(theirs) for person, theirs in rows}
        return found

    async def readable(self, entries: Sequence[Entry]) -> int:
        """Count the rows that these entries mean and that can be read."""
        counted = 0
        for batch in batches(entries):
            [[rows]] = await self._clickhouse.ask(_READABLE.format(meant=condition(batch)))
            counted += rows
        return counted

    async def sessions(self, entries: Sequence[Entry]) -> set[int]:
        """Give the keys of the sessions that they have readable rows in, from before or after they were forgotten."""
        keys: set[int] = set()
        for batch in batches(entries):
            rows = await self._clickhouse.ask(_SESSIONS.format(key=SESSION_KEY, meant=condition(ever(batch))))
            keys.update(key for (key,) in rows)
        return keys

    async def among(self, event_ids: Sequence[str]) -> set[str]:
        """Give those of these events that were forgotten and can be read nonetheless: they must not be sent again."""
        found: set[str] = set()
        for start in range(0, len(event_ids), EVENTS_AT_ONCE):
            ids = event_ids[start : start + EVENTS_AT_ONCE]
            entries = [Entry(*row) for row in await self._clickhouse.ask(_ALL.format(where=_OF_EVENTS), ids=ids)]
            for batch in batches(entries):
                rows = await self._clickhouse.ask(_AMONG.format(meant=condition(batch)), ids=ids)
                found.update(event_id for (event_id,) in rows)
        return found


def visitors_of(project: str, forgotten_at: int, visitors: Collection[int]) -> list[Entry]:
    """Give the entries of visitors."""
    return [Entry(project, forgotten_at, visitor_id=visitor) for visitor in sorted(visitors)]


def sessions_of(project: str, forgotten_at: int, keys: Collection[int]) -> list[Entry]:
    """Give the entries of sessions, whose events without a visitor are meant."""
    return [Entry(project, forgotten_at, session_key=key) for key in sorted(keys)]


def events_of(project: str, forgotten_at: int, event_ids: Collection[str]) -> list[Entry]:
    """Give the entries of single events."""
    return [Entry(project, forgotten_at, event_id=event_id) for event_id in sorted(event_ids) if event_id != NO_EVENT]
