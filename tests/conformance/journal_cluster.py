"""Where journals of several workers meet: in memory, or on topics of their own on the real broker."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from sluice.contract import topics
from sluice.kafka.topics import create_topics
from sluice.processors.journal_kafka import KafkaJournal
from sluice.processors.journal_memory import MemoryJournal, MemoryLog
from sluice.processors.state_rocksdb import Stores
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sluice.processors.journal import Journal

PARTITIONS = 2


class Cluster(Protocol):
    """What the suite may do, and what a reader of committed records sees."""

    def journal(self, worker: str = "one") -> Journal:
        """Start a worker's journal; the one that it had before is as good as killed."""
        ...

    def lose_disk(self, worker: str = "one") -> None:
        """Remove everything that a worker without a journal has on its disk."""
        ...

    async def output(self, partition: int) -> list[bytes]: ...


class MemoryCluster:
    def __init__(self) -> None:
        self._log = MemoryLog()

    def journal(self, worker: str = "one") -> Journal:
        return MemoryJournal(self._log)

    def lose_disk(self, worker: str = "one") -> None:
        """The twin's workers have none."""

    async def output(self, partition: int) -> list[bytes]:
        return self._log.output.get(partition, [])


class KafkaCluster:
    """Workers that have a directory each, and share topics that nobody else uses."""

    def __init__(self, bootstrap: str, directory: Path) -> None:
        self.bootstrap = bootstrap
        self.name = f"test-{uuid4()}"
        self.processed = replace(topics.PROCESSED, name=f"{self.name}-processed")
        self.changelog = replace(topics.CHANGELOG, name=f"{self.name}-changelog")
        self._directory = directory
        self._stores: dict[str, Stores] = {}
        self._journals: list[KafkaJournal] = []

    async def create_topics(self) -> None:
        await create_topics(self.bootstrap, [self.processed, self.changelog], partitions=PARTITIONS, replication=1)

    def journal(
        self, worker: str = "one", transaction_timeout_ms: int = 10_000, clock: Callable[[], int] = system_clock
    ) -> KafkaJournal:
        if worker in self._stores:
            self._stores.pop(worker).close()
        stores = self._stores[worker] = Stores(self.directory(worker))
        journal = KafkaJournal(
            self.bootstrap,
            stores,
            output=self.processed,
            changelog=self.changelog,
            name=self.name,
            transaction_timeout_ms=transaction_timeout_ms,
            clock=clock,
        )
        self._journals.append(journal)
        return journal

    def directory(self, worker: str = "one") -> Path:
        return self._directory / worker

    def lose_disk(self, worker: str = "one") -> None:
        self._stores.pop(worker).close()
        shutil.rmtree(self.directory(worker))

    async def output(self, partition: int) -> list[bytes]:
        log = TopicPartition(self.processed.name, partition)
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap, isolation_level="read_committed") as consumer:
            consumer.assign([log])
            await consumer.seek_to_beginning(log)
            end = (await consumer.end_offsets([log]))[log]
            seen: list[bytes] = []
            while await consumer.position(log) < end:
                records = (await consumer.getmany(log, timeout_ms=200)).get(log, ())
                seen.extend(record.value for record in records)
            return seen

    async def close(self) -> None:
        """Close what a test that failed has left open."""
        for journal in self._journals:
            for partition in range(PARTITIONS):
                await journal.close(partition)
        for stores in self._stores.values():
            stores.close()
