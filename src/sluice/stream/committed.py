"""Faust's transport, but it never shows what a transaction has not committed, and leaves its group when it stops.

Faust reads with read_committed only under its own exactly_once, which Sluice does not use. aiokafka leaves a group
only as a dynamic member: a static one would keep its partitions until its session times out, though it has stopped.
"""

from __future__ import annotations

import logging
from typing import Any

from faust.transport.drivers import aiokafka as driver

from sluice.contract.errors import Retry
from sluice.kafka.leave_group import leave_group

log = logging.getLogger(__name__)


class CommittedThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that holds the consumer of aiokafka."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_thread_stop(self) -> None:
        """Stop the consumer, then take a static member out of its group."""
        instance = self.app.conf.consumer_group_instance_id
        member = self._consumer._coordinator.member_id if self._consumer else ""
        await super().on_thread_stop()
        if instance and member:
            bootstrap = ",".join(url.authority for url in self.app.conf.broker)
            try:
                await leave_group(bootstrap, self.app.conf.id, instance, member)
            except Retry as error:
                log.warning("%s; its partitions wait for its session to time out", error)


class CommittedConsumer(driver.Consumer):  # type: ignore[misc]
    """The consumer as the app sees it."""

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(driver.Transport):  # type: ignore[misc]
    """What `app.transport` is set to."""

    Consumer = CommittedConsumer
