"""Pages in the roll-up of sessions: those that somebody forgotten has seen are taken out, all others stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.cli.forgetting.columns import SESSION_KEY
from sluice.cli.forgetting.entries import condition, listed, sessions_blanked, sessions_condition
from sluice.cli.forgetting.markers import AS_OFTEN_AS_SENT, MARKERS, added_up, bound, markers_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sluice.cli.forgetting.entries import Entry
    from sluice.cli.reading.clickhouse import ClickHouse

SESSIONS_AT_ONCE = 5_000

_SHOWING_PAGES = "SELECT DISTINCT session_key FROM sluice.rollup_sessions WHERE {meant}"

# One statement over one table: the pages that it shows are those of the blocks that its markers tell of.
_ROLLED = """
SELECT {markers}, groupArrayIf((project, site_id, session_key, source_month, entry, exit), fed = 0)
FROM
(
    SELECT
        project, site_id, session_key, source_month, min(line.entry) AS entry, max(line.exit) AS exit,
        max(line.fed) AS fed, max(line.fed_partition) AS fed_partition
    FROM sluice.rollup_sessions AS line WHERE line.fed > 0 OR session_key IN ({keys})
    GROUP BY project, site_id, session_key, source_month
)
"""

_STAYING = "session_id != '' AND {key} IN ({keys}) AND NOT ({meant})"

_LOGGED = "SELECT project, site_id, session_key, source_month, entry, exit FROM ({staying})"

# What is first or last may be put in as often as one likes. Sums are left out: a row more adds nothing to them.
_PUT_BACK = """
INSERT INTO sluice.rollup_sessions
    (project, site_id, session_key, source_month, started_at, ended_at, entry, exit, campaign, visitor)
SELECT project, site_id, session_key, source_month, started_at, ended_at, entry, exit, campaign, visitor
FROM ({staying}) SETTINGS {settings}
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
        """Give those of these sessions that show other pages than those of the rows that entries do not mean.

        What waits to be fed is not missing.
        """
        if not keys:
            return []
        # The roll-up first: whatever stands there has stood in the event log before.
        [[markers, rows]] = await self._clickhouse.ask(_ROLLED.format(markers=MARKERS, keys=listed(keys)))
        logged = _LOGGED.format(staying=await self._staying(entries, keys))
        return sorted(wrong(_pages(rows), _pages(await self._clickhouse.ask(logged, **bound(markers)))))

    def blanked(self, keys: Collection[int]) -> str:
        """Give the statement that has these sessions show no page."""
        return sessions_blanked(f"session_key IN ({listed(keys)})")

    async def put_back(self, entries: Sequence[Entry], keys: Collection[int]) -> None:
        """Have these sessions show the pages of the rows that entries do not mean. Counts stay as they are.

        Those that are not fed yet bring theirs themselves.
        """
        staying = await self._staying(entries, keys)
        markers = await markers_of(self._clickhouse, "sessions")
        await self._clickhouse.change(_PUT_BACK.format(staying=staying, settings=AS_OFTEN_AS_SENT), **bound(markers))

    async def _staying(self, entries: Sequence[Entry], keys: Collection[int]) -> str:
        staying = _STAYING.format(key=SESSION_KEY, keys=listed(keys), meant=condition(entries))
        return await added_up(self._clickhouse, "sessions", staying)


def _pages(rows: Iterable[Sequence[Any]]) -> dict[Stretch, Pages]:
    return {Stretch(*row[:4]): pages(*row[4:]) for row in rows}
