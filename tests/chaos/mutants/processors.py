"""Processors of one partition that scripts cut off at an exact step, over the real broker and the real disk.

What decides is the project's own: assignment, lane, rules, journal and store. What cuts a processor off stands in its
journal's producer, around the commit of a Kafka transaction. What is committed then goes through the true sink into
the real ClickHouse, so that the same verification judges it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from tests.chaos.mutants.cuts import Died, NeverStruck
from tests.chaos.mutants.lives import CutJournal, Life
from tests.chaos.mutants.raw_events import RECORDS, raw_records

from sluice.contract import topics
from sluice.contract.errors import Fenced
from sluice.kafka.reader import stop
from sluice.kafka.topic_log import TopicLog
from sluice.kafka.topics import create_topics
from sluice.processors.alarm import Alarm, Bound
from sluice.processors.lane import ProcessorLane
from sluice.processors.report import Report
from sluice.processors.state_rocksdb import Stores
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.lane import SinkLane
from sluice.sinks.processed_log import KafkaProcessedLog
from sluice.stream.assignment import Assignment
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from sluice.contract.topics import Topic
    from sluice.processors.journal import Journal

DEADLINE_S = 60.0
TIMEOUT_MS = 60_000
"""Of whatever a processor asks of Kafka: a busy machine is none of the faults here."""


@dataclass(frozen=True)
class Parts:
    """What processors are made of; a mutant replaces one of them."""

    journal: Callable[[CutJournal, World], Journal] = lambda journal, _: journal
    assignment: type[Assignment] = Assignment
    sinks_read: str = "read_committed"


@dataclass(frozen=True)
class Deployment:
    """Topics of their own, of which each script takes a partition."""

    bootstrap: str
    name: str = field(default_factory=lambda: f"mutants-{uuid4()}")

    async def create(self, partitions: int) -> None:
        await create_topics(
            self.bootstrap, [self.raw, self.processed, self.changelog], partitions=partitions, replication=1
        )

    @property
    def raw(self) -> Topic:
        return self._own(topics.RAW)

    @property
    def processed(self) -> Topic:
        return self._own(topics.PROCESSED)

    @property
    def changelog(self) -> Topic:
        return self._own(topics.CHANGELOG)

    def _own(self, topic: Topic) -> Topic:
        return replace(topic, name=f"{self.name}-{topic.name}")


class World:
    """One partition, and how far the processors' group has acknowledged its raw log."""

    def __init__(self, deployment: Deployment, partition: int, directory: Path, parts: Parts) -> None:
        """`directory` holds the disk that the processors have one after the other."""
        self._deployment = deployment
        self._partition = partition
        self._directory = directory
        self._parts = parts
        self._sleeper: tuple[asyncio.Task[None], CutJournal] | None = None
        self._raw_log = TopicLog(deployment.bootstrap, deployment.raw.name)

    async def play(self, script: Sequence[Life]) -> None:
        """Write the raw log, let everything happen, and let a processor that nothing happens to decide the rest."""
        async with AIOKafkaProducer(bootstrap_servers=self._deployment.bootstrap) as producer:
            for value in raw_records():
                await producer.send_and_wait(self._deployment.raw.name, value, partition=self._partition)
        for life in [*script, Life(RECORDS)]:
            journal = self._journal(life)
            living = asyncio.create_task(self._live(life, journal))
            if life.sleeps:
                await asyncio.wait_for(journal.asleep.wait(), DEADLINE_S)
                self._sleeper = living, journal
            else:
                await living

    async def store(self, clickhouse_url: str) -> None:
        """Let a sink store what is committed."""
        log = KafkaProcessedLog(self._deployment.bootstrap, self._deployment.processed.name)
        lane = SinkLane(self._partition, ClickHouseEventLog(clickhouse_url), log, self._raw_log)
        async with self._reading(self._deployment.processed, self._parts.sinks_read) as consumer:
            records = await self._read(consumer, self._deployment.processed, 0)
        await lane.open()
        progress = await lane.process(records)
        assert progress.done == len(records)
        await lane.close()

    async def topic_id(self) -> str:
        return await self._raw_log.topic_id()

    async def acknowledged(self) -> int:
        """Give the offset from which on the group has the raw log read."""
        async with self._reading(self._deployment.raw) as consumer:
            return await consumer.committed(TopicPartition(self._deployment.raw.name, self._partition)) or 0

    def _journal(self, life: Life) -> CutJournal:
        return CutJournal(
            self._deployment.bootstrap,
            Stores(self._directory / ("sleeper" if life.sleeps else "worker")),
            output=self._deployment.processed,
            changelog=self._deployment.changelog,
            name=self._deployment.name,
            transaction_timeout_ms=TIMEOUT_MS,
            request_timeout_ms=TIMEOUT_MS,
            life=life,
        )

    async def _live(self, life: Life, journal: CutJournal) -> None:
        try:
            async with self._reading(self._deployment.raw) as consumer:
                await self._work(consumer, self._parts.journal(journal, self), life)
        finally:
            await journal.close(self._partition)  # closes no transaction
            journal.stores.close()
        due = max(life.before_commit, life.after_commit)
        if len(journal.commits) < due:
            raise NeverStruck(f"{life} has made {len(journal.commits)} commits")

    async def _work(self, consumer: AIOKafkaConsumer, journal: Journal, life: Life) -> None:
        """Do as a worker does: take the partition over, handle what is delivered, commit what is acknowledged."""
        raw_partition = TopicPartition(self._deployment.raw.name, self._partition)
        report = Report(time.monotonic, lambda _: None)
        alarm = Alarm(Bound(percent=100), time.monotonic)
        lane = ProcessorLane(self._partition, journal, self._raw_log, lambda: life.rules, alarm, report)
        assignment = self._parts.assignment(lambda _: lane, _Consumer(), lambda: True)
        acknowledged: list[int] = []
        try:
            next_offset = (await assignment.assign([self._partition])).get(self._partition)
            await self._wake_sleeper()
            first = await consumer.committed(raw_partition) or 0
            if next_offset is not None:
                first = min(first, next_offset)
            records = await self._read(consumer, self._deployment.raw, first)
            await assignment.process([_Delivery(each, acknowledged) for each in records if each.offset < life.stop])
        except (Died, Fenced):
            pass
        if acknowledged:
            await consumer.commit({raw_partition: acknowledged[-1] + 1})

    async def _wake_sleeper(self) -> None:
        if self._sleeper is not None:
            (living, journal), self._sleeper = self._sleeper, None
            journal.woken.set()
            await living

    @asynccontextmanager
    async def _reading(
        self, topic: Topic, isolation_level: str = "read_committed"
    ) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._deployment.bootstrap,
            group_id=self._deployment.name,
            enable_auto_commit=False,
            isolation_level=isolation_level,
        )
        await consumer.start()
        consumer.assign([TopicPartition(topic.name, self._partition)])
        try:
            yield consumer
        finally:
            await stop(consumer)

    async def _read(self, consumer: AIOKafkaConsumer, topic: Topic, first: int) -> Sequence[Record]:
        log = TopicPartition(topic.name, self._partition)
        end = (await consumer.end_offsets([log]))[log]
        consumer.seek(log, first)
        records: list[Record] = []
        async with asyncio.timeout(DEADLINE_S):
            while await consumer.position(log) < end:
                batch = (await consumer.getmany(log, timeout_ms=200)).get(log, ())
                records += [Record(self._partition, each.offset, each.timestamp, each.value) for each in batch]
        return records


@dataclass(frozen=True)
class _Delivery:
    record: Record
    acknowledged: list[int]

    def ack(self) -> None:
        self.acknowledged.append(self.record.offset)


class _Consumer:
    """What no script here comes by."""

    async def seek(self, partition: int, offset: int) -> None:
        raise NotImplementedError

    def pause(self, partition: int) -> None:
        raise NotImplementedError

    def resume(self, partition: int) -> None:
        raise NotImplementedError
