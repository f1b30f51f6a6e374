"""The event log and its roll-ups in ClickHouse, where roll-ups are made anew."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from sluice.cli.reading.clickhouse import ClickHouse
from sluice.cli.rebuilding.expiry import expired_month
from sluice.contract.errors import Unusable
from sluice.sinks import feed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sluice.cli.rebuilding.rebuild import Marks
    from sluice.cli.rebuilding.rollup import Rollup
    from sluice.sinks.schema.layout import Layout

TIMEOUT_S = 3600
"""For one month of one roll-up."""

_ENGINE = "SELECT engine FROM system.tables WHERE database = 'sluice' AND name = 'event_log'"

_LEFT = r"SELECT name FROM system.tables WHERE database = 'sluice' AND match(name, '^rollup_\\w+_anew_[0-9a-f]+$')"

_MONTHS = """
SELECT toYYYYMM(source_timestamp) AS month, count() FROM sluice.event_log GROUP BY month ORDER BY month
SETTINGS select_sequential_consistency = 1
"""

_MARKS = """
SELECT toString(source_topic), source_partition, max(source_offset)
FROM sluice.event_log
GROUP BY source_topic, source_partition
SETTINGS select_sequential_consistency = 1
"""

_COLUMNS = "SELECT name FROM system.columns WHERE database = 'sluice' AND table = {table:String} ORDER BY position"

_KEPT = """
SELECT source_month FROM
(
    SELECT source_month, sum(rows) AS rolled FROM sluice.{table} WHERE fed = 0 GROUP BY source_month
) AS rollup LEFT JOIN
(
    SELECT toYYYYMM(source_timestamp) AS source_month, countIf({counts}) AS counted, count() AS stored
    FROM sluice.event_log GROUP BY source_month
) AS log USING (source_month)
WHERE stored = 0 OR source_month <= {{expired:UInt32}} AND rolled > counted
"""

# Two months may add up to blocks that are alike; what a month adds up to may not fit into memory; and a replica is to
# be read only if it has all that was stored.
_FILL_SETTINGS = (
    "deduplicate_insert = 'disable', max_bytes_ratio_before_external_group_by = 0.4,"
    " select_sequential_consistency = 1"
)


class ClickHouseDatabase:
    """The database `sluice` of the ClickHouse at `url`, which lives on one server or on a cluster."""

    def __init__(self, url: str, layout: Layout) -> None:
        self._clickhouse = ClickHouse(url, timeout_s=TIMEOUT_S)
        self._on_cluster = layout.render("$on_cluster")
        self._engine = layout.render("${replicated}MergeTree")

    async def refuse_other_layout(self) -> None:
        """Raise `Unusable` where the tables live otherwise: what is done on one server is not done on the others."""
        [(engine,)] = await self._clickhouse.ask(_ENGINE)
        if engine != self._engine:
            raise Unusable(
                f"event_log is a {engine} table, which SLUICE_CLICKHOUSE_CLUSTER contradicts: set it as for "
                "`sluice migrate`"
            )

    async def remove_left(self) -> None:
        """Remove what rebuilds that broke off have left."""
        for (table,) in await self._clickhouse.ask(_LEFT):
            await self.remove(table)

    async def months(self) -> Mapping[int, int]:
        """Count the rows of the event log by month."""
        return {month: rows for month, rows in await self._clickhouse.ask(_MONTHS)}  # noqa: C416 - they are no tuples

    async def marks(self) -> Marks:
        """Tell up to where the event log holds each partition."""
        return {(topic, partition): offset for topic, partition, offset in await self._clickhouse.ask(_MARKS)}

    async def make(self, rollup: Rollup) -> str:
        """Make an empty table like a roll-up's, and give its name."""
        table = f"{rollup.table}_anew_{token_hex(4)}"
        await self._clickhouse.change(f"CREATE TABLE sluice.{table}{self._on_cluster} AS sluice.{rollup.table}")
        return table

    async def fill(self, rollup: Rollup, table: str, month: int) -> None:
        """Add up the event log's rows of a month in a table, as the roll-up's view does, with their markers."""
        [(select,)] = await self._clickhouse.ask(feed.VIEW, view=rollup.view)
        fed = dict(map(tuple, await self._clickhouse.ask(feed.COLUMNS)))
        rows = feed.rows(fed, [rollup.name], f"toYYYYMM(source_timestamp) = {month}")
        columns = [name for (name,) in await self._clickhouse.ask(_COLUMNS, table=rollup.view)]
        await self._clickhouse.change(filling(table, columns, select, rows))

    async def expired(self) -> int:
        """Give the last month of which rows may have been removed for their age."""
        return await expired_month(self._clickhouse)

    async def keep(self, rollup: Rollup, table: str, expired: int) -> Collection[int]:
        """Take over the months of which the event log has no row, or, up to `expired`, fewer than the roll-up.

        They come with their marks, so sinks pass on what of those months was not passed on yet. A roll-up that does
        not tell months is taken over wholly where any have `expired`: that comes once more with what the event log
        still has, and changes nothing but the number of rows.
        """
        if not rollup.has_months:
            if not expired:
                return ()
            everything = f"SELECT * REPLACE (0 AS rows) FROM sluice.{rollup.table}"  # noqa: S608 - our own name
            await self._clickhouse.change(f"INSERT INTO sluice.{table} SETTINGS {_FILL_SETTINGS} {everything}")
            return ()
        kept = _KEPT.format(table=rollup.table, counts=rollup.counts)
        months = await self._clickhouse.ask(kept, expired=expired)
        for (month,) in months:
            await self._clickhouse.change(
                f"ALTER TABLE sluice.{table} ATTACH PARTITION {month} FROM sluice.{rollup.table}"
            )
        return [month for (month,) in months]

    async def exchange(self, rollup: Rollup, table: str) -> None:
        """Let a table and a roll-up's change places."""
        await self._clickhouse.change(f"EXCHANGE TABLES sluice.{rollup.table} AND sluice.{table}{self._on_cluster}")

    async def remove(self, table: str) -> None:
        """Remove a table."""
        await self._clickhouse.change(f"DROP TABLE IF EXISTS sluice.{table}{self._on_cluster} SYNC")


def filling(table: str, columns: Sequence[str], select: str, rows: str) -> str:
    """Give the statement that fills a table's `columns` by a view's `select`, from `rows` and not from the feed.

    Raises `Unusable` where the view does not ask the feed, once.
    """
    return f"INSERT INTO sluice.{table} ({', '.join(columns)}) SETTINGS {_FILL_SETTINGS} {feed.asking(rows, select)}"
