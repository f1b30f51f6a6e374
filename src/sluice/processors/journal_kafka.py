"""The journal on Kafka: one transactional producer for each owned partition.

Output goes to `events.processed` and the marker to the changelog, in one transaction, both on the partition of the
same number. The transactional id is bound to the partition, so whoever starts its producer fences the one before and
ends what that one left open. See docs/decisions/0005-transactions.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from sluice.contract import topics
from sluice.contract.errors import Fenced, Retry
from sluice.kafka.reader import reading
from sluice.processors.journal import Marker, Opened
from sluice.processors.state import Entry
from sluice.processors.state_memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARKER_KEY = b"marker"


@dataclass(frozen=True)
class KafkaJournal:
    """The journal of one worker.

    `transaction_timeout_ms` is how long a transaction may stay open when its worker has vanished before the broker
    aborts it: until then, readers of that partition wait.
    """

    bootstrap: str
    transaction_timeout_ms: int = 10_000
    request_timeout_ms: int = 10_000
    _producers: dict[int, AIOKafkaProducer] = field(default_factory=dict)
    _states: dict[int, MemoryState] = field(default_factory=dict)

    async def open(self, partition: int) -> Opened:
        """Start the partition's producer, which fences a predecessor, then read state and marker."""
        await self.close(partition)
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id=f"sluice-processor-{partition}",
            transactional_id=f"sluice-processor-{partition}",
            transaction_timeout_ms=self.transaction_timeout_ms,
            request_timeout_ms=self.request_timeout_ms,
            max_request_size=topics.PROCESSED_MAX_BYTES,
            compression_type="lz4",
        )
        try:
            await producer.start()
            self._producers[partition] = producer
            return await self._read(partition)
        except ProducerFenced as error:
            raise Fenced(f"partition {partition} was opened by another") from error
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise Retry(f"cannot open partition {partition} on Kafka at {self.bootstrap}: {error!r}") from error

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        """Write output, changes and marker in one transaction."""
        producer = self._producers[partition]
        try:
            async with producer.transaction():
                sent = [
                    await producer.send(topics.PROCESSED.name, value=value, partition=partition) for value in output
                ]
                for key, entry in changes.items():
                    value = entry and entry.forget_at.to_bytes(8, "big") + entry.value
                    sent.append(
                        await producer.send(topics.CHANGELOG.name, key=b"s" + key, value=value, partition=partition)
                    )
                sent.append(
                    await producer.send(
                        topics.CHANGELOG.name,
                        key=MARKER_KEY,
                        value=msgspec.json.encode(marker),
                        partition=partition,
                    )
                )
                await asyncio.gather(*sent)
        except ProducerFenced as error:
            raise Fenced(f"partition {partition} was opened by another") from error
        except (KafkaError, OSError) as error:
            raise Retry(f"the transaction of partition {partition} broke off: {error!r}") from error
        self._states[partition].apply(changes)

    async def close(self, partition: int) -> None:
        """Stop the partition's producer, if there is one."""
        producer = self._producers.pop(partition, None)
        if producer is not None:
            await producer.stop()

    async def _read(self, partition: int) -> Opened:
        changelog = TopicPartition(topics.CHANGELOG.name, partition)
        async with reading(self.bootstrap, changelog, self.request_timeout_ms) as consumer:
            await consumer.seek_to_beginning(changelog)
            end = (await consumer.end_offsets([changelog]))[changelog]
            marker = None
            state = self._states[partition] = MemoryState()
            while await consumer.position(changelog) < end:
                batches = await consumer.getmany(changelog, timeout_ms=1000)
                for record in batches.get(changelog, ()):
                    if record.key == MARKER_KEY:
                        marker = msgspec.json.decode(record.value, type=Marker)
                    else:
                        value = record.value
                        entry = Entry(value[8:], int.from_bytes(value[:8], "big")) if value is not None else None
                        state.apply({record.key[1:]: entry})
            return Opened(marker, state)
