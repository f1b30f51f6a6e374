"""Making roll-ups anew from the event log, while no sink runs: the steps, in their order.

Each roll-up is filled beside the one that is there, with all that the event log holds, and with the marks that say
so. Then the two change places: a sink that starts afterwards finds the marks, and passes on what is not there yet.
Whatever breaks off leaves the old roll-up or the new one, each complete up to its own marks. The next rebuild begins
anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from sluice.cli.rebuilding.rollup import Rollup

SINKS_RAN = "sinks have stored events meanwhile: stop them, and rebuild again"


Marks = Mapping[tuple[str, int], int]
"""The highest source offset of each partition that the event log holds, by the raw topic's id and the partition."""


class Database(Protocol):
    """What is done in ClickHouse. All methods raise `Unusable` where it refuses, or cannot be reached."""

    async def remove_left(self) -> None:
        """Remove what rebuilds that broke off have left."""
        ...

    async def months(self) -> Mapping[int, int]:
        """Count the rows of the event log by month, as 202611."""
        ...

    async def marks(self) -> Marks:
        """Tell up to where the event log holds each partition."""
        ...

    async def expired(self) -> int:
        """Give the last month of which the event log may have removed rows for their age; 0 where it keeps all."""
        ...

    async def make(self, rollup: Rollup) -> str:
        """Make an empty table like a roll-up's, and give its name."""
        ...

    async def fill(self, rollup: Rollup, table: str, month: int) -> None:
        """Add up the event log's rows of a month in a table, and mark there how far they reach."""
        ...

    async def keep(self, rollup: Rollup, table: str, expired: int) -> Collection[int]:
        """Take over what the event log does not have any more, with its marks; give the months that need no more.

        Up to the month `expired` that may be some rows of a month, and otherwise all of one.
        """
        ...

    async def exchange(self, rollup: Rollup, table: str) -> None:
        """Let a table and a roll-up's change places."""
        ...

    async def remove(self, table: str) -> None:
        """Remove a table."""
        ...


async def rebuild(
    database: Database,
    rollups: Sequence[Rollup],
    sinks: Callable[[], Awaitable[Sequence[str]]],
    report: Callable[[int], None],
) -> None:
    """Make roll-ups anew.

    `sinks` tells where sinks run. `report` hears each time how many rows were added up: for each roll-up all of the
    event log.

    Raises `Unusable` where sinks run, or have run meanwhile, and what `database` and `sinks` raise.
    """
    _refuse_sinks(await sinks())
    await database.remove_left()
    marks = await database.marks()
    expired, months = await database.expired(), await database.months()
    made = {rollup: await _made(database, rollup, months, expired, report) for rollup in rollups}
    _refuse_sinks(await sinks())
    if await database.marks() != marks:
        raise Unusable(SINKS_RAN)
    for rollup, table in made.items():
        await database.exchange(rollup, table)
    for table in made.values():
        await database.remove(table)
    if await sinks() or await database.marks() != marks:
        raise Unusable(SINKS_RAN)


async def _made(
    database: Database, rollup: Rollup, months: Mapping[int, int], expired: int, report: Callable[[int], None]
) -> str:
    table = await database.make(rollup)
    kept = await database.keep(rollup, table, expired)
    for month, rows in months.items():
        if month not in kept:
            await database.fill(rollup, table, month)
        report(rows)
    return table


def _refuse_sinks(sinks: Sequence[str]) -> None:
    if sinks:
        where = ", ".join(sorted(set(sinks)))
        raise Unusable(
            f"sinks run on {where}: stop them first (locally: end `sluice up`, then `sluice up --without sinks`). "
            "One that was killed counts until its session has timed out"
        )
