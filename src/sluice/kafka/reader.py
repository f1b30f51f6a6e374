"""Reading one partition beside any consumer group: for what is asked seldom, on connections of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from sluice.contract.errors import Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def reading(
    bootstrap: str, partition: TopicPartition, request_timeout_ms: int = 40_000
) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer that is assigned one partition, sees what is committed only, and commits nothing itself.

    Raises `Retry` when Kafka goes away, also within the block.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=request_timeout_ms,
    )
    try:
        await consumer.start()
        consumer.assign([partition])
        yield consumer
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await consumer.stop()
