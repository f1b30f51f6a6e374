"""The roll-ups, and which rows of the event log each is made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class Rollup:
    """A roll-up by its `name`: the view on `sluice.feed` that is called so writes to the table of this name.

    `counts` is a condition in SQL on `sluice.event_log`: the rows that the roll-up adds up. Its table `has_months`
    where it tells in which month those stood on `events.raw`, and is partitioned by that.
    """

    name: str
    counts: str
    has_months: bool = True

    @property
    def table(self) -> str:
        """Give the name of its table in the database `sluice`."""
        return f"rollup_{self.name}"

    @property
    def view(self) -> str:
        """Give the name of the materialized view that writes to its table."""
        return f"feed_{self.name}"


ROLLUPS = (
    Rollup("minutes", "true"),
    Rollup("sessions", "outcome = 'stored' AND session_id != ''"),
    Rollup("visitor_days", "outcome = 'stored' AND visitor_id != 0"),
    Rollup("users", "changes_user AND user_id != ''", has_months=False),
)
"""The conditions are those of the views in `sinks/schema/003_rollups.sql`."""

NAMES = tuple(rollup.name for rollup in ROLLUPS)


def called(names: Collection[str]) -> Sequence[Rollup]:
    """Give the roll-ups with these names, in their own order; all of them where none is named."""
    return [rollup for rollup in ROLLUPS if not names or rollup.name in names]
