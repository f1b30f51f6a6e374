"""The publisher to a real broker.

An idempotent producer never gives up a batch and keeps its sequence numbers without gaps: after one failure it may
hold what it will send for ever, or refuse whatever comes. So a producer that failed once is never used again. It is
replaced as soon as the broker answers, and until then every request is refused at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from sluice.contract.errors import Retry, TooLarge, Unusable
from sluice.contract.raw import RECORD_BYTES
from sluice.contract.topics import RAW
from sluice.kafka.producer import abandon
from sluice.kafka.steady_client import make_steady

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


class KafkaPublisher:
    """See `sluice.gateway.publishing.port.Publisher`.

    `batch_bytes` is how much may go to one partition at once, `deadline_s` how long a record may take to be
    acknowledged.
    """

    def __init__(
        self, bootstrap: str, *, topic: str = RAW.name, batch_bytes: int = RECORD_BYTES, deadline_s: float = 10.0
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._batch_bytes = batch_bytes
        self._deadline_s = deadline_s
        self._current: _Connection | None = None
        self._partitions = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> int:
        """Connect, and give the number of partitions of the topic.

        Raises `Unusable` when Kafka does not answer or the topic does not exist.
        """
        try:
            self._current = await self._connect()
        except Retry as error:
            raise Unusable(f"{error}; is it running there?") from error
        return self._partitions

    @property
    def ready(self) -> bool:
        """Whether a record could be published now, as far as is known."""
        return self._current is not None

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        """Return once all in-sync replicas have the record."""
        connection = self._current
        if connection is None:
            raise Retry("Kafka is not available")
        connection.in_flight += 1
        try:
            async with asyncio.timeout(self._deadline_s):
                acknowledged = await connection.producer.send(self._topic, value, key, partition=partition)
                offset: int = (await acknowledged).offset
                return offset
        except MessageSizeTooLargeError as error:
            raise TooLarge("An event is too large for Kafka together with what is kept beside it") from error
        except (TimeoutError, KafkaError) as error:
            if not connection.retired:  # the others say nothing new
                log.warning("a record for %s %d was not acknowledged: %r", self._topic, partition, error)
            self._replace(connection)
            raise Retry("Kafka is not available") from error
        finally:
            connection.in_flight -= 1
            if connection.retired and not connection.in_flight:
                self._spawn(abandon(connection.producer))

    async def close(self) -> None:
        """Send what is pending, and disconnect."""
        self._closed = True
        if self._current is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._current.producer.flush(), self._deadline_s)
            await abandon(self._current.producer)
            self._current = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _replace(self, failed: _Connection) -> None:
        failed.retired = True
        if self._current is failed:
            self._current = None
            self._spawn(self._reconnect())

    async def _reconnect(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._closed:
            try:
                self._current = await self._connect()
            except (Retry, Unusable) as error:
                log.warning("%s; trying again", error)
            else:
                log.info("connected to Kafka again")
                return
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    async def _connect(self) -> _Connection:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="sluice-gateway",
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_request_size=RAW.max_bytes,
            max_batch_size=self._batch_bytes,
            request_timeout_ms=int(self._deadline_s * 1000 / 2),
        )
        make_steady(producer.client)
        try:
            async with asyncio.timeout(self._deadline_s):
                await producer.start()
                cluster = await producer.client.fetch_all_metadata()
        except (TimeoutError, OSError, KafkaError) as error:
            await abandon(producer)
            raise Retry(f"Kafka at {self._bootstrap} does not answer: {error}") from error
        except BaseException:
            await abandon(producer)
            raise
        try:
            self._learn_partitions(len(cluster.partitions_for_topic(self._topic) or ()))
        except Unusable:
            await abandon(producer)
            raise
        return _Connection(producer)

    def _learn_partitions(self, found: int) -> None:
        if not found:
            raise Unusable(f"Kafka has no topic {self._topic}: create the topics with `sluice topics create`")
        if self._partitions and found != self._partitions:
            raise Unusable(
                f"topic {self._topic} now has {found} partitions, not {self._partitions}: restart the gateway"
            )
        self._partitions = found

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Connection:
    """One producer, and how many records are under way on it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.in_flight = 0
        self.retired = False
