"""What a person has left in `sluice.event_log`: spellings of their names, devices, sessions, rejected events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.cli.forgetting.columns import FORGOTTEN, READABLE, SESSION_KEY
from sluice.cli.forgetting.entries import quoted
from sluice.cli.forgetting.mentions import mentions
from sluice.cli.forgetting.people import spellings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sluice.cli.forgetting.people import Names
    from sluice.cli.reading.clickhouse import ClickHouse

_NAMES = """
SELECT DISTINCT user_id, user_email FROM sluice.event_log
WHERE project = {{project:String}} AND user_id != '' AND
(
    user_id IN {{names:Array(String)}}
    OR position(user_id, '@') > 0 AND lowerUTF8(replaceRegexpAll(user_id, {around}, '')) IN {{names:Array(String)}}
    OR user_email IN {{names:Array(String)}}
)
"""

WHITE_SPACE = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `normal_email` takes from around an address, for a regular expression; `trimBoth` would take spaces alone."""

_AROUND = f"^[{WHITE_SPACE}]+|[{WHITE_SPACE}]+$"

_USERS_ON_DEVICES = """
SELECT anonymous_id, groupUniqArray(visitor_id) FROM sluice.event_log
WHERE project = {project:String} AND anonymous_id IN {devices:Array(String)} AND user_id != ''
    AND anonymous_id NOT IN
    (
        SELECT user_id FROM sluice.event_log
        WHERE project = {project:String} AND user_id IN {devices:Array(String)}
    )
GROUP BY anonymous_id
"""

_DEVICES = """
SELECT DISTINCT anonymous_id FROM sluice.event_log
WHERE project = {project:String} AND visitor_id IN {visitors} AND anonymous_id != ''
"""

_SHARED_DEVICES = """
SELECT DISTINCT anonymous_id FROM sluice.event_log
WHERE project = {project:String} AND anonymous_id IN {devices:Array(String)}
    AND user_id != '' AND visitor_id NOT IN {visitors}
"""

_SESSIONS = """
SELECT DISTINCT {key} AS key FROM sluice.event_log
WHERE project = {{project:String}} AND visitor_id IN {{visitors}}
    AND session_id != '' AND NOT startsWith(session_id, '{forgotten}-')
"""

_SHARED_SESSIONS = """
SELECT DISTINCT {key} AS key FROM sluice.event_log
WHERE project = {{project:String}} AND session_id != '' AND key IN {{keys}}
    AND visitor_id != 0 AND visitor_id NOT IN {{visitors}}
"""

_WITHOUT_VISITOR = """
SELECT DISTINCT {key} AS key FROM sluice.event_log
WHERE project = {{project:String}} AND visitor_id = 0 AND session_id != '' AND key IN {{keys}}
    AND {readable}
"""

# What was rejected before it was read has no visitor. Escapes may spell a name in ways that a search does not find.
_REJECTED = """
SELECT toString(event_id), toValidUTF8(payload), toValidUTF8(raw_line) FROM sluice.event_log
WHERE project IN ({{project:String}}, '') AND visitor_id = 0 AND outcome = 'invalid' AND {readable} AND
(
    multiSearchAnyCaseInsensitiveUTF8(payload, {{written:Array(String)}})
    OR multiSearchAnyCaseInsensitiveUTF8(raw_line, {{written:Array(String)}})
    OR position(payload, '\\\\u') > 0 OR position(raw_line, '\\\\u') > 0
)
"""

_OF_SHARED_DEVICES = """
SELECT count() FROM sluice.event_log
WHERE project = {{project:String}} AND anonymous_id IN {{devices:Array(String)}} AND user_id = '' AND {readable}
"""

_SOMEBODY = """
SELECT user_id, anonymous_id, visitor_id FROM sluice.event_log
WHERE project = {project:String} AND visitor_id != 0 AND (user_id != '' OR anonymous_id != '')
LIMIT 1
"""

_ANYTHING = "SELECT 1 FROM sluice.event_log WHERE project = {project:String} LIMIT 1"

TEXTS_AT_ONCE = 200
"""ClickHouse searches for 255 texts at once."""

BOUND_BYTES = 50_000
"""What is bound to a statement, with its escapes, stays below the 256 KiB that ClickHouse takes."""


class Devices(NamedTuple):
    """The anonymous ids of some visitors: those that nobody else used, and those that other users used too."""

    own: frozenset[str]
    shared: frozenset[str]


class Traces:
    """The rows of one project. Each method raises `Unusable` where ClickHouse cannot be asked."""

    def __init__(self, clickhouse: ClickHouse, project: str) -> None:
        self._clickhouse = clickhouse
        self._project = project

    async def ties(self, names: Collection[str]) -> list[Names]:
        """Give what rows tie together: the user of an event as it was written, and the address that it knew."""
        rows = await self._ask(_NAMES.format(around=quoted(_AROUND)), names=sorted(names))
        return [spellings(user_id) | frozenset(filter(None, [address])) for user_id, address in rows]

    async def users_on(self, devices: Collection[str]) -> dict[str, frozenset[int]]:
        """Give of these anonymous ids those that users were seen with, and which visitors these are.

        What names a user as well is no device here.
        """
        rows = await self._ask(_USERS_ON_DEVICES, devices=sorted(devices))
        return {device: frozenset(visitors) for device, visitors in rows}

    async def somebody(self) -> tuple[str, str, int] | None:
        """Give some user or anonymous id, and what visitor the processors made of it; None where there is none."""
        for user_id, anonymous_id, visitor_id in await self._ask(_SOMEBODY):
            return user_id, anonymous_id, visitor_id
        return None

    async def anything(self) -> bool:
        """Tell whether the project has any event."""
        return bool(await self._ask(_ANYTHING))

    async def devices(self, visitors: Collection[int]) -> Devices:
        """Give the anonymous ids under which these visitors were seen."""
        found = {device for (device,) in await self._ask(_DEVICES, visitors=sorted(visitors))}
        shared = await self._ask(_SHARED_DEVICES, devices=sorted(found), visitors=sorted(visitors))
        others = {device for (device,) in shared}
        return Devices(frozenset(found - others), frozenset(others))

    async def sessions(self, visitors: Collection[int]) -> set[int]:
        """Give the keys of the sessions of these visitors, but for those that other visitors had a part in."""
        keys = await self._keys(_SESSIONS, visitors=sorted(visitors))
        return keys - await self._keys(_SHARED_SESSIONS, keys=sorted(keys), visitors=sorted(visitors))

    async def without_visitor(self, sessions: Collection[int]) -> set[int]:
        """Give those of these sessions that have events without a visitor."""
        return await self._keys(_WITHOUT_VISITOR, keys=sorted(sessions))

    async def rejected(self, names: Collection[str]) -> set[str]:
        """Give the ids of rejected events that have no visitor and name one of these people as their user."""
        rows = await self._ask(_REJECTED.format(readable=READABLE), written=_written(names))
        return {event_id for event_id, *texts in rows if mentions(texts, names)}

    async def of_shared_devices(self, devices: Collection[str]) -> int:
        """Count the events of these devices that no user can be told of."""
        rows = await self._ask(_OF_SHARED_DEVICES.format(readable=READABLE), devices=sorted(devices))
        return sum(count for (count,) in rows)

    async def _keys(self, sql: str, **numbers: Sequence[int]) -> set[int]:
        statement = sql.format(key=SESSION_KEY, forgotten=FORGOTTEN, readable=READABLE)
        return {key for (key,) in await self._ask(statement, **numbers)}

    async def _ask(self, sql: str, **lists: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Ask, unless a list that something must be in is empty: then nothing is.

        Numbers become part of the statement. Texts, of which there is one list at most, are bound, some at a time.
        """
        if not all(lists.values()):
            return []
        texts = {name: each for name, each in lists.items() if isinstance(each[0], str)}
        for name in lists.keys() - texts.keys():
            sql = sql.replace(f"{{{name}}}", str(list(lists[name])))
        parts = [{name: part} for name, each in texts.items() for part in cut(each)] or [{}]
        return [row for part in parts for row in await self._clickhouse.ask(sql, project=self._project, **part)]


def _written(names: Collection[str]) -> Sequence[str]:
    """Give the ways in which names stand in JSON: a slash may have a backslash before it."""
    escaped = {json.dumps(name, ensure_ascii=False)[1:-1] for name in names}
    return sorted({*names, *escaped, *(name.replace("/", "\\/") for name in escaped)})


def cut(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    """Cut texts into as many as may be bound at once; a longer one stands alone."""
    part: list[str] = []
    size = 0
    for text in texts:
        size += len(text.encode())
        if part and (size > BOUND_BYTES or len(part) == TEXTS_AT_ONCE):
            yield part
            part, size = [], len(text.encode())
        part.append(text)
    if part:
        yield part
