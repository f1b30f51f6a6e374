"""Of which months the event log may have removed rows for their age, which roll-ups keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.sinks.schema.retention import CREATED_BY, retention_days

if TYPE_CHECKING:
    from sluice.cli.reading.clickhouse import ClickHouse

_MONTH_OF_AGE = "SELECT toYYYYMM(now('UTC') - toIntervalDay({days:UInt32}))"


async def expired_month(clickhouse: ClickHouse) -> int:
    """Give the last month of which rows may have been removed, as 202611; 0 where they are kept for ever."""
    [(created_by,)] = await clickhouse.ask(CREATED_BY)
    days = retention_days(created_by)
    if not days:
        return 0
    [(month,)] = await clickhouse.ask(_MONTH_OF_AGE, days=days)
    return int(month)
