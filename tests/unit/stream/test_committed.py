"""Faust's consumer, as far as it is mended."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from faust.types import TP

from sluice.stream.committed import CommittedConsumer

if TYPE_CHECKING:
    from collections.abc import Callable


class ConsumerThread:
    """What holds aiokafka's consumer, whose methods must be called in its thread."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1)
        self.sought: list[tuple[TP, int, int]] = []

    async def call_thread(self, method: Callable[[TP, int], None], partition: TP, offset: int) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, method, partition, offset)

    def seek(self, partition: TP, offset: int) -> None:
        self.sought.append((partition, offset, threading.get_ident()))


async def test_a_partition_is_sought_in_the_consumers_own_thread():
    consumer = CommittedConsumer.__new__(CommittedConsumer)
    consumer._thread = ConsumerThread()
    await consumer._seek(TP("events.raw", 3), 7)
    [(partition, offset, thread)] = consumer._thread.sought
    assert (partition, offset) == (TP("events.raw", 3), 7)
    assert thread != threading.get_ident()
