"""Roll-ups that have nothing of what the event log held before they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.cli.rebuilding.checking import Tables
    from sluice.cli.rebuilding.comparing import Counts
    from sluice.cli.rebuilding.rollup import Rollup


async def empty_ones(tables: Tables, rollups: Sequence[Rollup]) -> Sequence[Rollup]:
    """Give the roll-ups without a row, though the event log has rows for them that no sink will pass on.

    Last blocks are none of those: sinks pass them on when they start. Where no roll-up is empty, this is quick.
    """
    empty = _without(rollups, await tables.rolled())
    if not empty:
        return ()
    without_rows = _without(empty, await tables.settled())
    return [rollup for rollup in empty if rollup not in without_rows]


def _without(rollups: Sequence[Rollup], counts: Counts) -> Sequence[Rollup]:
    counted = {name for (name, _), rows in counts.items() if rows}
    return [rollup for rollup in rollups if rollup.name not in counted]
