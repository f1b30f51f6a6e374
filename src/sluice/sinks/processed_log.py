"""Finding a raw record's results on `events.processed`, beside the stream that Faust hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from sluice.contract.errors import Retry
from sluice.kafka.reader import reading
from sluice.sinks.block import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.sinks.block import RawResult

READ_TIMEOUT_MS = 5_000


class KafkaProcessedLog:
    """The topic `events.processed`, by its name, of the cluster at `bootstrap`."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._name = name

    async def find(self, partition: int, topic_id: str, source_offset: int, before: int) -> int | None:
        """Give the offset of the record that holds a raw record's results, by bisection.

        Along a partition source offsets only grow, and what stands before a record of one raw topic is of that topic
        or of an older one.
        """
        log = TopicPartition(self._name, partition)
        async with reading(self._bootstrap, log) as consumer:
            return await _bisect(consumer, log, (topic_id, source_offset), before)


async def _bisect(
    consumer: AIOKafkaConsumer, log: TopicPartition, wanted: tuple[str, int], before: int
) -> int | None:
    topic_id, source_offset = wanted
    low: int = (await consumer.beginning_offsets([log]))[log]
    high = before
    while low < high:
        middle = (low + high) // 2
        offset, results = await _first_from(consumer, log, middle)
        last = max((result.offset for result in results if result.topic_id == topic_id), default=-1)
        if offset >= high or last >= source_offset:
            high = middle
        else:
            low = offset + 1
    offset, results = await _first_from(consumer, log, low)
    held = any((result.topic_id, result.offset) == wanted for result in results)
    return offset if held and offset < before else None


async def _first_from(
    consumer: AIOKafkaConsumer, log: TopicPartition, offset: int
) -> tuple[int, Sequence[RawResult]]:
    """Read the first visible record at or after an offset."""
    consumer.seek(log, offset)
    records = (await consumer.getmany(log, timeout_ms=READ_TIMEOUT_MS, max_records=1)).get(log)
    if not records:
        raise Retry(f"{log.topic} {log.partition} gave no record from offset {offset} in time")
    return records[0].offset, read(records[0].value)
