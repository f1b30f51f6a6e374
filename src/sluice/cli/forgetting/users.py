"""Visitors in the roll-up of users: those who were forgotten are taken out, what they have changed since stays.

A row of the roll-up adds up what came before and what came after, so a visitor's rows are deleted, and made anew from
the event log. Sinks may feed the roll-up meanwhile. So what is made anew ends where its markers said, before anything
was deleted, that it had been fed: a later block brings its rows itself. One that came before the rows were deleted is
deleted with them; then the roll-up has less than the event log has below its markers, and all is done again. It has
more where another command makes the same visitors anew at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sluice.cli.forgetting.entries import users_condition
from sluice.cli.forgetting.markers import AS_OFTEN_AS_SENT, FED, MARKERS, bound
from sluice.sinks import feed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sluice.cli.forgetting.entries import Entry
    from sluice.cli.forgetting.markers import Markers
    from sluice.cli.reading.clickhouse import ClickHouse

_FROM_BEFORE = "SELECT DISTINCT visitor_id FROM sluice.rollup_users WHERE {meant}"

# One statement over one table: the rows that it counts are those of the blocks that its markers tell of.
_ROLLED = """
SELECT {markers}, sumMap(if(rows > 0, map(visitor_id, rows), map()))
FROM sluice.rollup_users WHERE fed > 0 OR visitor_id IN ({visitors})
"""

_CHANGES = "visitor_id IN ({visitors}) AND changes_user AND user_id != '' AND {fed}"

_STORED = "SELECT visitor_id, count() FROM sluice.event_log WHERE {changes} GROUP BY visitor_id"

_GONE = "ALTER TABLE sluice.rollup_users DELETE WHERE visitor_id IN ({visitors}) AND fed = 0"

_CHANGED = "(SELECT *, ['users'] AS lacking FROM sluice.event_log WHERE {changes})"


class Rolled(NamedTuple):
    """What the roll-up holds: up to where it has been fed, and how many changes of each visitor it adds up."""

    markers: Markers
    changes: Mapping[int, int]


class Users:
    """The roll-up of users in one ClickHouse. Each method raises `Unusable` where it cannot be asked."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def from_before(self, entries: Sequence[Entry]) -> set[int]:
        """Give the visitors of whom the roll-up holds changes from before they were forgotten."""
        rows = await self._clickhouse.ask(_FROM_BEFORE.format(meant=users_condition(entries)))
        return {visitor for (visitor,) in rows}

    async def rolled(self, visitors: Collection[int]) -> Rolled:
        """Give what the roll-up holds of these visitors."""
        [[markers, changes]] = await self._clickhouse.ask(_ROLLED.format(markers=MARKERS, visitors=_listed(visitors)))
        return Rolled(markers, changes)

    async def lacking(self, visitors: Collection[int]) -> set[int]:
        """Give those of these visitors of whom the roll-up lacks changes that it was fed.

        It may have more than the event log, which removes rows for their age.
        """
        counted = await self._counted(visitors)
        return {visitor for visitor, (rolled, stored) in counted.items() if rolled < stored}

    async def unlike(self, visitors: Collection[int]) -> set[int]:
        """Give those of these visitors, all just made anew, of whom the roll-up has other changes than it was fed.

        It has more where two make them anew at once.
        """
        counted = await self._counted(visitors)
        return {visitor for visitor, (rolled, stored) in counted.items() if rolled != stored}

    def taken_out(self, visitors: Collection[int]) -> str:
        """Give the statement that deletes the rows of these visitors."""
        return _GONE.format(visitors=_listed(visitors))

    async def put_back(self, visitors: Collection[int], markers: Markers) -> None:
        """Add up anew what these visitors have changed below the markers."""
        [[view]] = await self._clickhouse.ask(feed.VIEW, view="feed_users")
        anew = feed.asking(_CHANGED.format(changes=_changes(visitors)), view)
        await self._clickhouse.change(
            f"INSERT INTO sluice.rollup_users {anew} SETTINGS {AS_OFTEN_AS_SENT}", **bound(markers)
        )

    async def _counted(self, visitors: Collection[int]) -> dict[int, tuple[int, int]]:
        """Count the changes of each visitor: those in the roll-up, and those in the event log that it was fed."""
        rolled = await self.rolled(visitors)
        rows = await self._clickhouse.ask(_STORED.format(changes=_changes(visitors)), **bound(rolled.markers))
        stored = dict(map(tuple, rows))
        return {visitor: (rolled.changes.get(visitor, 0), stored.get(visitor, 0)) for visitor in visitors}


def _changes(visitors: Collection[int]) -> str:
    return _CHANGES.format(visitors=_listed(visitors), fed=FED)


def _listed(visitors: Collection[int]) -> str:
    return ", ".join(map(str, sorted(visitors)))
