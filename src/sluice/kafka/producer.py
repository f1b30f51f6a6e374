"""Ending a producer, whatever it still holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

CANCEL_AGAIN_S = 0.1
CANCELS = 50


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer without sending what it still holds; a transaction that it has open is not ended.

    `stop()` waits until everything is acknowledged, for ever where the producer is idempotent and the broker away;
    and cutting it short leaves its parts running. aiokafka has no other way, so this takes the parts one by one.
    """
    producer._closed = True
    sender: asyncio.Task[None] | None = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await producer.client.close()
    for _ in range(CANCELS):
        if sender is None or sender.done():
            return
        # Cancelled once, it waits for its requests; one that is to be sent again waits for ever without connections.
        await asyncio.wait([sender], timeout=CANCEL_AGAIN_S)
        sender.cancel()
