"""Following topics beside any consumer group: from now or from a time on, over outages of Kafka."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from sluice.cli.reading.log import Log
from sluice.contract.errors import Retry
from sluice.kafka.reader import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka.structs import ConsumerRecord

    Show = Callable[[Sequence[ConsumerRecord[bytes, bytes]]], bool]

AT_ONCE = 500
POLL_MS = 500
ASK_EVERY_S = 3.0
"""While nothing comes, Kafka is asked so often whether it is there: a consumer itself only waits."""

AGAIN_S = 1.0


class Follower:
    """Follows topics of the cluster at `bootstrap`. `say` is told when Kafka goes away and comes back."""

    def __init__(self, bootstrap: str, topics: Sequence[str], say: Callable[[str], None]) -> None:
        self._logs = [Log(bootstrap, topic) for topic in topics]
        self._bootstrap = bootstrap
        self._say = say
        self._ids: dict[str, str] = {}
        self._next: dict[TopicPartition, int] = {}

    async def start(self, since_ms: int | None = None) -> None:
        """Begin with what was written at or after that millisecond since 1970, or with what is written from now on.

        Raises `Retry` when Kafka does not answer, and `Unusable` when a topic is missing.
        """
        for log in self._logs:
            self._ids[log.name] = await log.topic_id()
            held = await (log.ranges() if since_ms is None else log.ranges_since(since_ms))
            for partition, offsets in held.items():
                first = offsets.stop if since_ms is None else offsets.start
                self._next[TopicPartition(log.name, partition)] = first

    async def follow(self, show: Show) -> None:
        """Hand records over, a few at a time, and none at all now and then, until `show` says that it is enough."""
        is_away = False
        while True:
            try:
                await self._look_at_topics()
                if is_away:
                    is_away = False
                    self._say("Kafka answers again")
                await self._follow(show)
            except Retry as error:
                if not is_away:
                    is_away = True
                    self._say(f"{error}; waiting for it")
                if not show([]):
                    return
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _follow(self, show: Show) -> None:
        """Follow with one consumer, as long as Kafka is there."""
        loop = asyncio.get_running_loop()
        async with reading(self._bootstrap, next(iter(self._next))) as consumer:
            consumer.assign(list(self._next))
            for partition, offset in self._next.items():
                consumer.seek(partition, offset)
            heard_at = loop.time()
            goes_on = True
            while goes_on:
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
                for partition, records in batches.items():
                    self._next[partition] = records[-1].offset + 1
                several = (record for records in batches.values() for record in records)
                goes_on = show(sorted(several, key=lambda record: record.timestamp))
                if batches:
                    heard_at = loop.time()
                elif loop.time() - heard_at > ASK_EVERY_S:
                    await self._look_at_topics()
                    heard_at = loop.time()

    async def _look_at_topics(self) -> None:
        """See that Kafka is there; where a topic was made anew meanwhile, begin with its start."""
        for log in self._logs:
            topic_id = await log.topic_id()
            if topic_id != self._ids[log.name]:
                held = await log.ranges()  # it may have other partitions, too
                self._ids[log.name] = topic_id
                self._next = {at: offset for at, offset in self._next.items() if at.topic != log.name}
                self._next |= {TopicPartition(log.name, at): offsets.start for at, offsets in held.items()}
                self._say(f"topic {log.name} was made anew; showing it from its start")
                raise Retry(f"topic {log.name} is another one")
