"""Waiting until all that was accepted is where it can be forgotten: in the event log, and in the roll-ups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sluice.cli.auditing.audit import wait_until_stored
from sluice.cli.auditing.table import Table
from sluice.cli.reading.progress import marks_near_ends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.reading.log import Log

PERSONAL = ("sessions", "users")
"""The roll-ups that hold more of a person than that there is one."""

_FED = """
SELECT fed_partition, max(fed) AS next FROM sluice.rollup_{name}
WHERE fed > {{at_least:UInt64}} AND project = {{topic_id:String}}
GROUP BY fed_partition
"""

_FED_TO_ALL = """
SELECT fed_partition, toUInt64(min(next) - 1) FROM ({fed}) GROUP BY fed_partition HAVING count() = {rollups}
"""


class Rollups:
    """The roll-ups that hold what is personal, as fed from the raw topic that has Kafka's id `topic_id`."""

    def __init__(self, clickhouse: ClickHouse, topic_id: str) -> None:
        self._clickhouse = clickhouse
        self._topic_id = topic_id

    async def marks(self, at_least: int) -> Mapping[int, int]:
        """Give the highest source offset of each partition that all of them have, from `at_least` on."""
        fed = "UNION ALL".join(_FED.format(name=name) for name in PERSONAL)
        statement = _FED_TO_ALL.format(fed=fed, rollups=len(PERSONAL))
        rows = await self._clickhouse.ask(statement, topic_id=self._topic_id, at_least=at_least)
        return dict(map(tuple, rows))


async def arrived(clickhouse: ClickHouse, raw_log: Log, wait_s: float) -> bool:
    """Wait so many seconds at most until all that `events.raw` holds now has arrived; tell whether it has.

    What a sink still passes on, it may have read from the event log before anything was blanked there.
    """
    topic_id, offsets = await raw_log.topic_id(), await raw_log.ranges()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    for held in (Table(clickhouse, topic_id), Rollups(clickhouse, topic_id)):
        if not await wait_until_stored(held, offsets, deadline - loop.time()):
            return False
    return True


async def passed_on(clickhouse: ClickHouse, topic_id: str, held: Mapping[int, range], wait_s: float) -> bool:
    """Wait so many seconds at most until the roll-ups have what the event log has now; tell whether they do.

    `held` gives the raw offsets of each partition of the topic with Kafka's id `topic_id`. What is blanked by now, a
    sink may have read before; what it reads from now on is blank.
    """
    stored = await marks_near_ends(Table(clickhouse, topic_id).marks, held)
    offsets = {partition: range(last + 1) for partition, last in stored.items()}
    return await wait_until_stored(Rollups(clickhouse, topic_id), offsets, wait_s)
