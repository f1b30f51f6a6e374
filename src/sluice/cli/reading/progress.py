"""How far each partition is: what the sinks have stored, and what the processors have decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.cli.reading.log import side_by_side
from sluice.processors.changelog import changes_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.reading.log import Log, PartitionLog
    from sluice.processors.journal import Marker

_FIRST_STEP = 8
_FARTHER = 8

_MARKS = """
SELECT source_partition, max(source_offset)
FROM sluice.event_log
WHERE source_topic = {topic_id:UUID} AND source_offset >= {at_least:UInt64}
GROUP BY source_partition
"""


async def marks(clickhouse: ClickHouse, topic_id: str, at_least: int = 0) -> Mapping[int, int]:
    """Give the highest raw offset that is stored, of each partition of the raw topic that has rows.

    Those below `at_least` count as none; the higher it is, the less ClickHouse has to read.
    """
    found: Mapping[int, int] = dict(map(tuple, await clickhouse.ask(_MARKS, topic_id=topic_id, at_least=at_least)))
    return found


async def marks_near_ends(
    marks_from: Callable[[int], Awaitable[Mapping[int, int]]], held: Mapping[int, range]
) -> Mapping[int, int]:
    """Give the same of partitions that hold these raw offsets, as far as it lies within or beyond them.

    It is looked for near their ends, and farther back where a partition has none there: where the sinks keep up,
    ClickHouse reads the latest rows alone. `marks_from` gives the marks that are not below an offset.
    """
    found: dict[int, int] = {}
    sought = {partition: ever_farther_back(offsets) for partition, offsets in held.items() if offsets}
    while sought:
        starts = {partition: next(steps) for partition, steps in sought.items()}
        found |= await marks_from(min(starts.values()))
        sought = {at: sought[at] for at, start in starts.items() if at not in found and start > held[at].start}
    return found


async def markers(changelog: Log, topic_id: str) -> Mapping[int, int]:
    """Give the highest raw offset that is decided, of each partition of the raw topic of which anything is."""
    held = await changelog.ranges()
    found: dict[int, int] = {}

    async def look(partition: int) -> None:
        async with changelog.opened(partition) as log:
            marker = await last_marker(log, held[partition])
        if marker is not None and marker.topic_id == topic_id:
            found[partition] = marker.offset

    await side_by_side((partition for partition in held if held[partition]), look)
    return found


async def last_marker(log: PartitionLog, held: range) -> Marker | None:
    """Read the end of a changelog, and more of it until a marker is there: each commit has one."""
    for start in ever_farther_back(held):
        marker = None
        async for records in log.records(range(start, held.stop)):
            marker = changes_of(records).marker or marker
        if marker is not None:
            return marker
    return None


def ever_farther_back(held: range) -> Iterator[int]:
    """Give offsets to read a log from: near its end first, then each much farther back, and its start at last."""
    step = _FIRST_STEP
    while held.stop - step > held.start:
        yield held.stop - step
        step *= _FARTHER
    yield held.start
