"""Of which months the event log may have removed rows for their age, which roll-ups keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.sinks.schema.retention import CREATED_BY, retention_days

if TYPE_CHECKING:
    from sluice.cli.reading.clickhouse import ClickHouse

_MONTH_OF_AGE = "SELECT toYYYYMM(now('UTC') - toIntervalDay({days:UInt32}))"

# Where the event log begins later than the roll-up, its first month may lack rows as well.
_CUT_OFF = """
WITH (SELECT if(count() = 0, 0, toYYYYMM(min(source_timestamp))) FROM sluice.event_log) AS first_month
SELECT multiIf(count() = 0, 0, first_month = 0, max(source_month), min(source_month) < first_month, first_month, 0)
FROM sluice.rollup_minutes WHERE fed = 0
"""


async def expired_month(clickhouse: ClickHouse) -> int:
    """Give the last month of which rows may have been removed, as 202611; 0 where all were kept.

    The table says for how long it keeps rows now. Where it begins later than the roll-up, that was shorter once.
    """
    [(created_by,)] = await clickhouse.ask(CREATED_BY)
    [(month,)] = await clickhouse.ask(_CUT_OFF)
    if days := retention_days(created_by):
        [(month_of_age,)] = await clickhouse.ask(_MONTH_OF_AGE, days=days)
        month = max(month, month_of_age)
    return int(month)
