"""Making roll-ups anew on a deployment: its ClickHouse, and its broker, which knows where sinks run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sluice.cli.progress_bar import progress_bar
from sluice.cli.reading.clickhouse import ClickHouse
from sluice.cli.rebuilding.checking import RollupTables, check
from sluice.cli.rebuilding.clickhouse import ClickHouseDatabase
from sluice.cli.rebuilding.rebuild import rebuild
from sluice.kafka.group_members import members_of
from sluice.sinks.schema.layout import layout_of
from sluice.sinks.settings import GROUP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sluice.cli.rebuilding.checking import Checked
    from sluice.cli.rebuilding.rollup import Rollup
    from sluice.cli.rebuilding.settings import RollupsSettings

POLL_S = 0.25


async def make_anew(settings: RollupsSettings, rollups: Sequence[Rollup], patience_s: float = 0) -> Checked:
    """Make roll-ups anew with a progress bar, and hold them against the event log.

    Sinks that were stopped a moment ago are given so many seconds to leave their group.

    Raises `Unusable` and `Retry` as `rebuild` does.
    """

    async def sinks() -> Sequence[str]:
        return await members_of(settings.kafka_bootstrap, GROUP)

    tables = RollupTables(ClickHouse(settings.clickhouse_url), rollups)
    await tables.rolled()  # it says what to do where the schema is not there
    database = ClickHouseDatabase(settings.clickhouse_url, layout_of(settings.clickhouse_cluster))
    await database.refuse_other_layout()
    await wait_until_gone(sinks, patience_s)
    with progress_bar() as progress:
        task = progress.add_task("rows", total=len(rollups) * sum((await database.months()).values()))
        await rebuild(database, rollups, sinks, lambda rows: progress.advance(task, rows))
    return await check(tables)


async def wait_until_gone(members: Callable[[], Awaitable[Sequence[str]]], seconds: float) -> None:
    """Wait until a group has no members, at most so long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while await members():
        if loop.time() >= deadline:
            return
        await asyncio.sleep(POLL_S)
