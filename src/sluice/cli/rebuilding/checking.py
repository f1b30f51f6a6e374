"""Asking ClickHouse whether the roll-ups are what the event log adds up to."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sluice.cli.rebuilding.comparing import Amounts, Counts, differences, not_added, other_amounts
from sluice.cli.rebuilding.expiry import expired_month

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.rebuilding.comparing import Difference, OtherAmount
    from sluice.cli.rebuilding.rollup import Rollup

POLL_S = 0.25

_STORED = """
SELECT toYYYYMM(source_timestamp) AS month, {counts}
FROM sluice.event_log
GROUP BY month
"""

_SETTLED = """
SELECT toYYYYMM(source_timestamp) AS month, {counts}
FROM sluice.event_log INNER JOIN
(
    SELECT source_topic, source_partition, argMax(block_first, source_offset) AS last
    FROM sluice.event_log
    GROUP BY source_topic, source_partition
) AS lasts USING (source_topic, source_partition)
WHERE block_first < last
GROUP BY month
"""

_STORED_AMOUNTS = """
SELECT toYYYYMM(source_timestamp) AS month, currency, sum(toDecimal128OrZero(toString(assumeNotNull(value)), 6))
FROM sluice.event_log
PREWHERE value IS NOT NULL
GROUP BY month, currency
"""

_ROLLED_AMOUNTS = """
SELECT source_month, currency, sum(amount) FROM sluice.rollup_minutes GROUP BY source_month, currency
"""

_ROLLED = "SELECT '{name}', {month} AS month, sum(rows) FROM sluice.{table} GROUP BY month"


class Tables(Protocol):
    """How many rows of each month there are; ClickHouse knows it. All raise `Unusable` where it cannot be asked."""

    async def settled(self) -> Counts:
        """Count the rows of all blocks of the event log but the last of each partition, for each roll-up its own."""
        ...

    async def stored(self) -> Counts:
        """Count all rows of the event log, for each roll-up its own."""
        ...

    async def rolled(self) -> Counts:
        """Count the rows that the roll-ups are made of."""
        ...

    async def amounts(self) -> tuple[Amounts, Amounts]:
        """Add up the values of the roll-up minutes, then those of the event log; nothing where it is left out."""
        ...

    async def expired(self) -> int:
        """Give the last month of which the event log may have removed rows for their age; 0 where it keeps all."""
        ...


@dataclass(frozen=True)
class Checked:
    """What a check found: where roll-ups are wrong, and how many rows of last blocks each has not added up yet.

    Amounts are compared only where no rows differ or wait, and nothing was stored meanwhile.
    """

    differences: Sequence[Difference] = ()
    amounts: Sequence[OtherAmount] = ()
    not_added: Counter[str] = field(default_factory=Counter)

    @property
    def is_wrong(self) -> bool:
        """Whether anything differs that more time would not mend."""
        return bool(self.differences or self.amounts)

    @property
    def is_even(self) -> bool:
        """Whether the roll-ups were at one moment exactly what the event log added up to."""
        return not self.is_wrong and not self.not_added


async def check(tables: Tables) -> Checked:
    """Hold the roll-ups against the event log, while events may flow."""
    rolled, stored = await tables.rolled(), await tables.stored()
    if rolled == stored:
        amounts = list(other_amounts(*await tables.amounts()))
        return Checked(amounts=amounts if amounts and await tables.stored() == stored else ())
    least, rolled, stored = await tables.settled(), await tables.rolled(), await tables.stored()
    found = differences(least, rolled, stored, await tables.expired())
    return Checked(list(found), not_added=not_added(rolled, stored))


async def check_once_added(tables: Tables, seconds: float) -> tuple[Checked, bool]:
    """Check, again and again, until all that is stored now is added up, or something is wrong; at most so long.

    Gives what was found last, and False where it took longer. Later events are not waited for.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    awaited = await tables.stored()
    while True:
        found = await check(tables)
        if found.is_even or found.is_wrong or not not_added(await tables.rolled(), awaited):
            return found, True
        left = deadline - loop.time()
        if left <= 0:
            return found, False
        await asyncio.sleep(min(POLL_S, left))


class RollupTables:
    """The event log and its roll-ups in ClickHouse."""

    def __init__(self, clickhouse: ClickHouse, rollups: Sequence[Rollup]) -> None:
        self._clickhouse = clickhouse
        self._rollups = rollups

    async def settled(self) -> Counts:
        """Count the rows of all blocks but the last of each partition."""
        return await self._count(_SETTLED)

    async def stored(self) -> Counts:
        """Count all rows of the event log."""
        return await self._count(_STORED)

    async def rolled(self) -> Counts:
        """Count the rows that the roll-ups are made of."""
        each = [
            _ROLLED.format(name=one.name, table=one.table, month="source_month" if one.has_months else "0")
            for one in self._rollups
        ]
        found = await self._clickhouse.ask("\nUNION ALL\n".join(each))
        return Counter({(name, month): rows for name, month, rows in found if rows})

    async def amounts(self) -> tuple[Amounts, Amounts]:
        """Add up values, in the roll-up minutes and in the event log."""
        if all(one.name != "minutes" for one in self._rollups):
            return {}, {}
        return await self._add_up(_ROLLED_AMOUNTS), await self._add_up(_STORED_AMOUNTS)

    async def _add_up(self, statement: str) -> Amounts:
        return {(month, currency): amount for month, currency, amount in await self._clickhouse.ask(statement)}

    async def expired(self) -> int:
        """Give the last month of which rows may have been removed for their age."""
        return await expired_month(self._clickhouse)

    async def _count(self, statement: str) -> Counts:
        counts = ", ".join(f"countIf({one.counts})" for one in self._rollups)
        stored: Counts = Counter()
        for month, *rows in await self._clickhouse.ask(statement.format(counts=counts)):
            for one, of_one in zip(self._rollups, rows, strict=True):
                if of_one:
                    stored[one.name, month if one.has_months else 0] += of_one
        return stored
