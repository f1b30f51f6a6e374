"""Raw lines as they still stand on `events.raw`, for rows that do not keep theirs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sluice.cli.reading.log import Log
from sluice.contract import ndjson, topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sluice.contract.processed import Source


class OriginalLines:
    """The raw lines of the cluster at `bootstrap`."""

    def __init__(self, bootstrap: str) -> None:
        self._log = Log(bootstrap, topics.RAW.name)

    async def lines(self, sources: Iterable[Source]) -> dict[Source, bytes]:
        """Give the lines that are still there; retention removes them, and a topic that is made anew has others.

        Raises `Retry` while Kafka is away.
        """
        wanted: dict[int, dict[int, list[Source]]] = defaultdict(lambda: defaultdict(list))
        for source in sources:
            wanted[source.partition][source.offset].append(source)
        if not wanted:
            return {}
        topic_id = await self._log.topic_id()
        held = await self._log.ranges()
        found: dict[Source, bytes] = {}
        for partition, by_offset in wanted.items():
            there = {offset: by_offset[offset] for offset in sorted(by_offset) if offset in held.get(partition, ())}
            found |= await self._of_partition(partition, there)
        return {source: line for source, line in found.items() if source.topic == topic_id}

    async def _of_partition(self, partition: int, wanted: Mapping[int, list[Source]]) -> dict[Source, bytes]:
        found: dict[Source, bytes] = {}
        async with self._log.opened(partition) as log:
            for offset, sources in wanted.items():
                record = await log.first(range(offset, offset + 1))
                lines = ndjson.split(record.value) if record is not None and record.value is not None else []
                found |= {source: lines[source.line] for source in sources if source.line < len(lines)}
        return found
