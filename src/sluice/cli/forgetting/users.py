"""Visitors in the roll-up of users: those who were forgotten are taken out, what they have changed since stays.

A row of the roll-up adds up what came before and what came after, so a visitor's rows are deleted, and made anew from
the event log. Sinks may feed the roll-up meanwhile. So what is made anew ends where its markers said, before anything
was deleted, that it had been fed: a later block brings its rows itself. One that came before the rows were deleted is
deleted with them; then the roll-up has less than the event log has below its markers, and all is done again. It has
more where another command makes the same visitors anew at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.cli.forgetting.entries import listed, users_condition
from sluice.cli.forgetting.markers import AS_OFTEN_AS_SENT, FED, MARKERS, added_up, bound, markers_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sluice.cli.forgetting.entries import Entry
    from sluice.cli.forgetting.markers import Markers
    from sluice.cli.reading.clickhouse import ClickHouse

_FROM_BEFORE = "SELECT DISTINCT visitor_id FROM sluice.rollup_users WHERE {meant}"

# One statement over one table: the rows that it counts are those of the blocks that its markers tell of.
_ROLLED = """
SELECT {markers}, sumMap(if(rows > 0, map(visitor_id, rows), map()))
FROM sluice.rollup_users WHERE fed > 0 OR visitor_id IN ({visitors})
"""

_CHANGES = "visitor_id IN ({visitors}) AND changes_user AND user_id != ''"

_STORED = "SELECT visitor_id, count() FROM sluice.event_log WHERE {changes} AND {fed} GROUP BY visitor_id"

_GONE = "ALTER TABLE sluice.rollup_users DELETE WHERE visitor_id IN ({visitors}) AND fed = 0"


class Users:
    """The roll-up of users in one ClickHouse. Each method raises `Unusable` where it cannot be asked."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def from_before(self, entries: Sequence[Entry]) -> set[int]:
        """Give the visitors of whom the roll-up holds changes from before they were forgotten."""
        rows = await self._clickhouse.ask(_FROM_BEFORE.format(meant=users_condition(entries)))
        return {visitor for (visitor,) in rows}

    async def markers(self) -> Markers:
        """Give up to where the roll-up has been fed."""
        return await markers_of(self._clickhouse, "users")

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
        return _GONE.format(visitors=listed(visitors))

    async def put_back(self, visitors: Collection[int], markers: Markers) -> None:
        """Add up anew what these visitors have changed below the markers."""
        anew = await added_up(self._clickhouse, "users", _CHANGES.format(visitors=listed(visitors)))
        await self._clickhouse.change(
            f"INSERT INTO sluice.rollup_users {anew} SETTINGS {AS_OFTEN_AS_SENT}", **bound(markers)
        )

    async def _counted(self, visitors: Collection[int]) -> dict[int, tuple[int, int]]:
        """Count the changes of each visitor: those in the roll-up, and those in the event log that it was fed."""
        of_visitors = listed(visitors)
        [[markers, rolled]] = await self._clickhouse.ask(_ROLLED.format(markers=MARKERS, visitors=of_visitors))
        statement = _STORED.format(changes=_CHANGES.format(visitors=of_visitors), fed=FED)
        stored = dict(map(tuple, await self._clickhouse.ask(statement, **bound(markers))))
        return {visitor: (rolled.get(visitor, 0), stored.get(visitor, 0)) for visitor in visitors}
