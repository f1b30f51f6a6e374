"""Faust's transport, but it never shows what a transaction has not committed.

Faust reads with read_committed only under its own exactly_once, which Sluice does not use.
"""

from __future__ import annotations

from typing import Any

from faust.transport.drivers import aiokafka as driver


class CommittedThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that holds the consumer of aiokafka."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


class CommittedConsumer(driver.Consumer):  # type: ignore[misc]
    """The consumer as the app sees it."""

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(driver.Transport):  # type: ignore[misc]
    """What `app.transport` is set to."""

    Consumer = CommittedConsumer
