"""Making roll-ups anew from the event log, while no sink runs: the steps, in their order.

Each roll-up is filled beside the one that is there, with all blocks but the last of each partition. Then the two
change places, and the last blocks are passed on as sinks pass them on, with their tokens: a sink that passes one on
again changes nothing. Whatever breaks off leaves the old roll-up, or the new one without last blocks, which sinks
pass on when they start. The next rebuild begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from sluice.cli.rebuilding.rollup import Rollup
    from sluice.sinks.event_log import Mark

SINKS_RAN = "sinks have stored events meanwhile: stop them, and rebuild again"


class LastBlock(NamedTuple):
    """The last block of a partition of the raw topic with that id, as its `mark` says, and its month, as 202611."""

    topic_id: str
    partition: int
    mark: Mark
    month: int


class Database(Protocol):
    """What is done in ClickHouse. All methods raise `Unusable` where it refuses, or cannot be reached."""

    async def remove_left(self) -> None:
        """Remove what rebuilds that broke off have left."""
        ...

    async def months(self) -> Mapping[int, int]:
        """Count the rows of the event log by month, as 202611."""
        ...

    async def last_blocks(self) -> Collection[LastBlock]:
        """Give the last block of each partition."""
        ...

    async def expired(self) -> int:
        """Give the last month of which the event log may have removed rows for their age; 0 where it keeps all."""
        ...

    async def make(self, rollup: Rollup) -> str:
        """Make an empty table like a roll-up's, and give its name."""
        ...

    async def fill(self, rollup: Rollup, table: str, month: int, but: Collection[LastBlock]) -> None:
        """Add up the event log's rows of a month in a table, but those of some blocks."""
        ...

    async def keep(self, rollup: Rollup, table: str, expired: int) -> Collection[int]:
        """Take over what a roll-up has of months up to `expired`; give those that are complete with that."""
        ...

    async def exchange(self, rollup: Rollup, table: str) -> None:
        """Let a table and a roll-up's change places."""
        ...

    async def pass_on(self, block: LastBlock) -> None:
        """Pass a block on to all roll-ups, as a sink does."""
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
    last = await database.last_blocks()
    expired = await database.expired()
    _refuse_expired(last, expired)
    made = {rollup: await _made(database, rollup, last, expired, report) for rollup in rollups}
    _refuse_sinks(await sinks())
    if await database.last_blocks() != last:
        raise Unusable(SINKS_RAN)
    for rollup, table in made.items():
        await database.exchange(rollup, table)
    for block in last:
        await database.pass_on(block)
    for table in made.values():
        await database.remove(table)
    if await sinks() or await database.last_blocks() != last:
        raise Unusable(SINKS_RAN)


async def _made(
    database: Database, rollup: Rollup, last: Collection[LastBlock], expired: int, report: Callable[[int], None]
) -> str:
    table = await database.make(rollup)
    kept = await database.keep(rollup, table, expired) if expired else ()
    for month, rows in (await database.months()).items():
        if month not in kept:
            await database.fill(rollup, table, month, last)
        report(rows)
    return table


def _refuse_sinks(sinks: Sequence[str]) -> None:
    if sinks:
        where = ", ".join(sorted(set(sinks)))
        raise Unusable(
            f"sinks run on {where}: stop them first. One that was killed counts until its session has timed out"
        )


def _refuse_expired(last: Collection[LastBlock], expired: int) -> None:
    """Raise `Unusable` where a table would get a block that it keeps, since it has not seen the token."""
    for block in last:
        if block.month <= expired:
            raise Unusable(
                f"nothing was stored of partition {block.partition} since {block.month}, and rows of that month have "
                "expired: what the roll-ups keep of them cannot be told from its last block"
            )
