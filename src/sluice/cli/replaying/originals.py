"""Raw lines as they still stand on `events.raw`, for rows that do not keep theirs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from sluice.contract import ndjson, topics
from sluice.kafka.reader import reading
from sluice.kafka.topic_ids import topic_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluice.contract.processed import Source

TOPIC = topics.RAW.name


class OriginalLines:
    """The raw lines of the cluster at `bootstrap`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def lines(self, sources: Iterable[Source]) -> dict[Source, bytes]:
        """Give the lines that are still there; retention removes them, and a topic that is made anew has others.

        Raises `Retry` while Kafka is away.
        """
        by_partition: dict[int, list[Source]] = defaultdict(list)
        for source in sources:
            by_partition[source.partition].append(source)
        if not by_partition:
            return {}
        topic_id = str((await topic_ids(self._bootstrap, [TOPIC]))[TOPIC])
        found: dict[Source, bytes] = {}
        for partition, wanted in by_partition.items():
            found |= await self._of_partition(partition, [source for source in wanted if source.topic == topic_id])
        return found

    async def _of_partition(self, partition: int, wanted: list[Source]) -> dict[Source, bytes]:
        log = TopicPartition(TOPIC, partition)
        found: dict[Source, bytes] = {}
        async with reading(self._bootstrap, log) as consumer:
            start = (await consumer.beginning_offsets([log]))[log]
            end = (await consumer.end_offsets([log]))[log]
            values: dict[int, list[bytes]] = {}
            for source in sorted(wanted):
                if not start <= source.offset < end:
                    continue
                if source.offset not in values:
                    consumer.seek(log, source.offset)
                    record = await consumer.getone(log)
                    values = {record.offset: ndjson.split(record.value)}
                lines = values.get(source.offset, [])
                if source.line < len(lines):
                    found[source] = lines[source.line]
        return found


async def partitions_of_raw(bootstrap: str) -> int:
    """Give how many partitions `events.raw` has.

    Raises `Retry` while Kafka is away, and `Unusable` where there is no such topic.
    """
    await topic_ids(bootstrap, [TOPIC])
    first = TopicPartition(TOPIC, 0)
    async with reading(bootstrap, first) as consumer:
        await consumer.end_offsets([first])  # by then it knows the topic
        return len(consumer.partitions_for_topic(TOPIC))
