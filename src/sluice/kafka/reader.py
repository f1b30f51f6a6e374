"""Reading one partition beside any consumer group: for what is asked seldom, on connections of its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from sluice.contract.errors import Retry
from sluice.contract.topics import MIB
from sluice.kafka.steady_client import make_steady

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STOP_TIMEOUT_S = 5.0


@asynccontextmanager
async def reading(
    bootstrap: str, partition: TopicPartition, request_timeout_ms: int = 40_000, fetch_bytes: int = MIB
) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer that is assigned one partition, sees what is committed only, and commits nothing itself.

    It fetches `fetch_bytes` at a time, or one record that is larger.

    Raises `Retry` when Kafka goes away, also within the block.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=request_timeout_ms,
        max_partition_fetch_bytes=fetch_bytes,
    )
    make_steady(consumer._client)
    try:
        await consumer.start()
        consumer.assign([partition])
        yield consumer
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await stop(consumer)


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, whatever state its connections are in.

    aiokafka's own `stop()` awaits tasks that it has cancelled. While Kafka is away that ends in a `CancelledError`,
    which would silently end the caller too, and leaves the connections open.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping], timeout=STOP_TIMEOUT_S)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await consumer._client.close()
