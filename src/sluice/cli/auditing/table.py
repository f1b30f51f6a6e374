"""What the audit asks the table `sluice.event_log`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.cli.auditing.comparing import Rows
from sluice.cli.reading import progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.cli.reading.clickhouse import ClickHouse

_ROWS = """
SELECT source_offset, project, outcome, groupArray(source_line), groupArray(toUInt64(toUInt128(event_id)))
FROM sluice.event_log
WHERE source_topic = {topic_id:UUID} AND source_partition = {partition:UInt32}
  AND source_offset BETWEEN {first:UInt64} AND {last:UInt64}
GROUP BY source_offset, project, outcome
"""

_BEYOND = """
SELECT source_partition, project, outcome, count(), min(source_offset), max(source_offset)
FROM sluice.event_log
WHERE source_topic = {topic_id:UUID}
  AND (source_partition >= {partitions:UInt32}
       OR source_offset >= arrayElement({stops:Array(UInt64)}, source_partition + 1))
GROUP BY source_partition, project, outcome
ORDER BY source_partition, project, outcome
"""

_NO_PART = """
SELECT countIf(source_topic != {topic_id:UUID}), uniqExactIf(source_topic, source_topic != {topic_id:UUID}),
       countIf(source_topic = {topic_id:UUID} AND source_partition < {partitions:UInt32}
               AND source_offset < arrayElement({starts:Array(UInt64)}, source_partition + 1))
FROM sluice.event_log
"""


@dataclass(frozen=True)
class Beyond:
    """Rows of one partition, project and outcome which stand where the raw topic ends, or on no partition of it."""

    partition: int
    project: str
    outcome: str
    rows: int
    first: int
    last: int


@dataclass(frozen=True)
class NoPart:
    """Rows that the audit leaves out: of older topics of the same name, and from before what is audited."""

    of_older_topics: int
    older_topics: int
    from_before: int


class Table:
    """The rows of the raw topic that has Kafka's id `topic_id`."""

    def __init__(self, clickhouse: ClickHouse, topic_id: str) -> None:
        self._clickhouse = clickhouse
        self._topic_id = topic_id

    async def marks(self, at_least: int) -> Mapping[int, int]:
        """Give the highest source offset of each partition that has rows from that offset on."""
        return await progress.marks(self._clickhouse, self._topic_id, at_least)

    async def rows(self, partition: int, first: int, last: int) -> Sequence[Rows]:
        """Give what the table holds of raw records, from the first offset to the last."""
        found = await self._clickhouse.ask(
            _ROWS, topic_id=self._topic_id, partition=partition, first=first, last=last
        )
        return [Rows(*row) for row in found]

    async def beyond(self, stops: Sequence[int]) -> Sequence[Beyond]:
        """Give the rows at or after the next offset of each partition, and those of partitions that are none."""
        found = await self._clickhouse.ask(_BEYOND, topic_id=self._topic_id, partitions=len(stops), stops=list(stops))
        return [Beyond(*row) for row in found]

    async def no_part(self, starts: Sequence[int]) -> NoPart:
        """Count the rows that stand before the first offset of each partition, and those of other topics."""
        [row] = await self._clickhouse.ask(
            _NO_PART, topic_id=self._topic_id, partitions=len(starts), starts=list(starts)
        )
        return NoPart(*row)
