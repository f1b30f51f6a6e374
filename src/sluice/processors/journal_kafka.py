"""The journal on Kafka: one transactional producer for each owned partition, and its state on the worker's disk.

Output goes to `events.processed`, changes of the state and the marker to the changelog, in one transaction, all on
the partition of the same number. The transactional id is bound to the partition: whoever starts its producer fences
the one before and ends what that one left open. See docs/decisions/0005-transactions.md and 0012-state.md.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from sluice.contract import topics
from sluice.contract.errors import Fenced, Retry, Unusable
from sluice.contract.topics import MIB
from sluice.kafka.producer import abandon
from sluice.kafka.refusals import what_to_do
from sluice.kafka.steady_client import make_steady
from sluice.processors.changelog import Position, records_of
from sluice.processors.journal import Opened
from sluice.processors.recovery import recovering
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from sluice.contract.topics import Topic
    from sluice.processors.journal import Marker
    from sluice.processors.recovery import Recovery
    from sluice.processors.state import Entry
    from sluice.processors.state_rocksdb import RocksState, Stores
    from sluice.role.clock import Clock

BATCH_BYTES = MIB
COMMIT_RECORDS = 1
"""What Kafka itself writes after the records of a transaction: that it was committed."""

FOLLOW_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is open of one partition; `closing` gives it up."""

    producer: AIOKafkaProducer
    store: RocksState
    topic_id: str
    closing: AsyncExitStack


@dataclass(frozen=True)
class KafkaJournal:
    """The journal of one worker, whose state is kept in `stores`.

    Journals that write to the same topics must have the same `name`, of which their transactional ids are made.
    `transaction_timeout_ms` is how long a transaction may take, and how long it stays open when its worker has
    vanished before the broker aborts it: until then, readers of that partition wait.
    """

    bootstrap: str
    stores: Stores
    output: Topic = topics.PROCESSED
    changelog: Topic = topics.CHANGELOG
    name: str = "sluice-processor"
    transaction_timeout_ms: int = 10_000
    request_timeout_ms: int = 10_000
    clock: Clock = system_clock
    _opened: dict[int, _Opened] = field(default_factory=dict)

    async def open(self, partition: int) -> Opened:
        """Start the partition's producer, which fences a predecessor, then bring its store up to the changelog."""
        await self.close(partition)
        async with AsyncExitStack() as parts:
            with _named_by_what_to_do(partition, f"cannot be opened on Kafka at {self.bootstrap}"):
                producer = self._producer(partition)
                parts.push_async_callback(abandon, producer)
                async with asyncio.timeout(self.request_timeout_ms / 1000):
                    await producer.start()
                store = self.stores.open(partition)
                parts.callback(store.close)
                async with self._recovering(partition, store) as recovery:
                    await recovery.catch_up()
                self._opened[partition] = _Opened(producer, store, recovery.topic_id, parts.pop_all())
        return Opened(store.marker, store)

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        """Write output, changes and marker in one transaction; only then is the store touched.

        A transaction that breaks off is left open: whoever opens the partition next ends it, and then the changelog
        says whether it took place.
        """
        opened = self._opened[partition]
        with _named_by_what_to_do(partition, "broke its transaction off"):
            async with asyncio.timeout(self.transaction_timeout_ms / 1000):
                next_offset = await self._transact(opened.producer, partition, output, changes, marker)
        opened.store.apply(changes, marker, Position(opened.topic_id, next_offset, self.clock()))

    async def close(self, partition: int) -> None:
        """Stop the partition's producer and close its store, if they are open."""
        opened = self._opened.pop(partition, None)
        if opened is not None:
            await opened.closing.aclose()

    async def follow(self, partition: int) -> None:
        """Keep the store of a partition that another worker owns up to the changelog, until cancelled.

        Whoever opens the partition here afterwards finds little left to read. Raises `Retry` as `open` does.
        """
        with closing(self.stores.open(partition)) as store:
            async with self._recovering(partition, store) as recovery:
                while True:
                    await recovery.catch_up()
                    await asyncio.sleep(FOLLOW_EVERY_S)

    def _recovering(self, partition: int, store: RocksState) -> AbstractAsyncContextManager[Recovery]:
        changelog = TopicPartition(self.changelog.name, partition)
        return recovering(self.bootstrap, changelog, store, self.clock, self.request_timeout_ms)

    def _producer(self, partition: int) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id=f"{self.name}-{partition}",
            transactional_id=f"{self.name}-{partition}",
            transaction_timeout_ms=self.transaction_timeout_ms,
            request_timeout_ms=self.request_timeout_ms,
            max_request_size=self.output.max_bytes,
            max_batch_size=BATCH_BYTES,
            compression_type="lz4",
        )
        make_steady(producer.client)
        return producer

    async def _transact(
        self,
        producer: AIOKafkaProducer,
        partition: int,
        output: Sequence[bytes],
        changes: Mapping[bytes, Entry | None],
        marker: Marker,
    ) -> int:
        """Commit all of it, and give the next offset of the changelog.

        Changes go out in batches of our own: that costs a tenth of sending them one by one.
        """
        await producer.begin_transaction()
        sent = [await producer.send(self.output.name, value, partition=partition) for value in output]
        batch = producer.create_batch()
        for key, value in records_of(changes, marker):
            if batch.append(timestamp=None, key=key, value=value) is None:  # it is full
                sent.append(await producer.send_batch(batch, self.changelog.name, partition=partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
        sent.append(await producer.send_batch(batch, self.changelog.name, partition=partition))
        *_, last = await asyncio.gather(*sent)
        await producer.commit_transaction()
        base_offset: int = last.offset
        if base_offset < 0:
            raise Retry(f"Kafka does not say where it wrote the changelog of partition {partition}")
        return base_offset + cast("int", batch.record_count()) + COMMIT_RECORDS


@contextmanager
def _named_by_what_to_do(partition: int, failure: str) -> Iterator[None]:
    try:
        yield
    except ProducerFenced as error:
        raise Fenced(f"partition {partition} was opened by another") from error
    except (KafkaError, OSError) as error:
        if advice := what_to_do(error):
            raise Unusable(f"partition {partition} {failure}: Kafka refuses it ({error!r}): {advice}") from error
        raise Retry(f"partition {partition} {failure}: {error!r}") from error
