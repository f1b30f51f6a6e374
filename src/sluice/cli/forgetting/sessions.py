"""Pages in the roll-up of sessions: those that somebody forgotten has seen are taken out, all others stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sluice.cli.forgetting.columns import SESSION_KEY
from sluice.cli.forgetting.entries import condition, sessions_blanked, sessions_condition
from sluice.sinks import feed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sluice.cli.forgetting.entries import Entry
    from sluice.cli.reading.clickhouse import ClickHouse

SESSIONS_AT_ONCE = 5_000

_SHOWING_PAGES = "SELECT DISTINCT session_key FROM sluice.rollup_sessions WHERE {meant}"

_ROLLED = """
SELECT project, site_id, session_key, source_month, min(entry), max(exit) FROM sluice.rollup_sessions
WHERE session_key IN ({keys}) GROUP BY project, site_id, session_key, source_month
"""

_STAYING = """
(
    SELECT *, ['sessions'] AS lacking FROM sluice.event_log
    WHERE session_id != '' AND {key} IN ({keys}) AND NOT ({meant})
)
"""

_LOGGED = "SELECT project, site_id, session_key, source_month, entry, exit FROM ({staying})"

# What is first or last may be put in as often as one likes. Sums are left out: a row more adds nothing to them.
_PUT_BACK = """
INSERT INTO sluice.rollup_sessions
    (project, site_id, session_key, source_month, started_at, ended_at, entry, exit, campaign, visitor)
SELECT project, site_id, session_key, source_month, started_at, ended_at, entry, exit, campaign, visitor
FROM ({staying}) SETTINGS insert_deduplicate = 0
"""

_WHERE_IT_STANDS = 15
"""So many characters say whether there is a page, and its time; what is shown comes behind them."""


class Stretch(NamedTuple):
    """What one month of `events.raw` brought of a session."""

    project: str
    site_id: str
    session_key: int
    source_month: int


class Pages(NamedTuple):
    """The first and last page of a stretch, as `sluice.rollup_sessions` writes them; empty where none is shown."""

    entry: str = ""
    exit: str = ""


NO_PAGES = Pages()


def pages(entry: str, leaving: str) -> Pages:
    """Read the columns entry and exit of the roll-up."""
    return Pages(
        "" if entry[_WHERE_IT_STANDS:] in {"", '["",""]'} else entry,
        leaving if leaving[_WHERE_IT_STANDS:] else "",
    )


def wrong(rolled: Mapping[Stretch, Pages], logged: Mapping[Stretch, Pages]) -> set[int]:
    """Give the keys of the sessions whose roll-up shows other pages than the event log has."""
    return {
        stretch.session_key
        for stretch in rolled.keys() | logged.keys()
        if rolled.get(stretch, NO_PAGES) != logged.get(stretch, NO_PAGES)
    }


class Sessions:
    """The roll-up of sessions in one ClickHouse. Each method raises `Unusable` where it cannot be asked."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def showing_pages(self, entries: Sequence[Entry]) -> set[int]:
        """Give the keys of the sessions that show pages and ended with these visitors, or that these entries name.

        Most of these pages are of people who have come back.
        """
        rows = await self._clickhouse.ask(_SHOWING_PAGES.format(meant=sessions_condition(entries)))
        return {key for (key,) in rows}

    async def wrong(self, entries: Sequence[Entry], keys: Collection[int]) -> list[int]:
        """Give those of these sessions that show other pages than those of the rows that entries do not mean."""
        if not keys:
            return []
        # The roll-up first: whatever stands there has stood in the event log before.
        rolled = await self._pages(_ROLLED.format(keys=_listed(keys)))
        logged = await self._pages(_LOGGED.format(staying=await self._staying(entries, keys)))
        return sorted(wrong(rolled, logged))

    def blanked(self, keys: Collection[int]) -> str:
        """Give the statement that has these sessions show no page."""
        return sessions_blanked(f"session_key IN ({_listed(keys)})")

    async def put_back(self, entries: Sequence[Entry], keys: Collection[int]) -> None:
        """Have these sessions show the pages of the rows that entries do not mean. Counts stay as they are."""
        await self._clickhouse.change(_PUT_BACK.format(staying=await self._staying(entries, keys)))

    async def _staying(self, entries: Sequence[Entry], keys: Collection[int]) -> str:
        [[view]] = await self._clickhouse.ask(feed.VIEW, view="feed_sessions")
        rows = _STAYING.format(key=SESSION_KEY, keys=_listed(keys), meant=condition(entries))
        return feed.asking(rows, view)

    async def _pages(self, sql: str) -> dict[Stretch, Pages]:
        return {Stretch(*row[:4]): pages(*row[4:]) for row in await self._clickhouse.ask(sql)}


def _listed(keys: Collection[int]) -> str:
    return ", ".join(map(str, keys))
