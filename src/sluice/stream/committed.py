"""Faust's transport, but it never shows what a transaction has not committed, and leaves its group when it stops.

It also knows whether its consumer is a member of the group still, and ends the process where the consumer hangs.

Faust reads with read_committed only under its own exactly_once, which Sluice does not use. aiokafka leaves a group
only as a dynamic member: a static one would keep its partitions until its session times out, though it has stopped.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from faust.transport.drivers import aiokafka as driver

from sluice.contract.errors import Retry
from sluice.kafka.leave_group import leave_group
from sluice.kafka.topic_ids import topic_ids
from sluice.role.fatal import ending_process_on_error
from sluice.stream.group_client import note_heartbeats
from sluice.stream.heartbeats import watch

if TYPE_CHECKING:
    from sluice.stream.heartbeats import Heartbeats

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 30.0


class CommittedThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that holds the consumer of aiokafka."""

    _watch: asyncio.Task[None] | None = None

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        request_timeout_ms = round(1000 * max(REQUEST_TIMEOUT_S, transport.heartbeats.session_s))
        consumer._request_timeout_ms = consumer._client._request_timeout_ms = request_timeout_ms
        note_heartbeats(consumer._client, transport.heartbeats)
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and watch it from its own event loop."""
        await super().on_start()
        self._watch = asyncio.create_task(self._end_where_the_consumer_hangs())

    async def on_thread_stop(self) -> None:
        """Stop the consumer, then take a static member out of its group."""
        if self._watch is not None:
            self._watch.cancel()
        instance = self.app.conf.consumer_group_instance_id
        member = self._consumer._coordinator.member_id if self._consumer else ""
        await super().on_thread_stop()
        if instance and member:
            try:
                await leave_group(self._bootstrap, self.app.conf.id, instance, member)
            except Retry as error:
                log.warning("%s; its partitions wait for its session to time out", error)

    async def _end_where_the_consumer_hangs(self) -> None:
        with ending_process_on_error("staying in the consumer group"):
            await watch(self.transport.heartbeats, self._kafka_answers)

    async def _kafka_answers(self) -> bool:
        try:
            await topic_ids(self._bootstrap, [])
        except Retry:
            return False
        return True

    @property
    def _bootstrap(self) -> str:
        return ",".join(url.authority for url in self.app.conf.broker)


class CommittedConsumer(driver.Consumer):  # type: ignore[misc]
    """The consumer as the app sees it."""

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def _seek(self, partition: Any, offset: int) -> None:
        """Seek in the consumer's own thread; Faust does it in the app's, where it can make the fetcher crash."""
        await self._thread.call_thread(self._thread.seek, partition, offset)


class CommittedTransport(driver.Transport):  # type: ignore[misc]
    """What `app.transport` is set to; its consumer's thread writes `heartbeats`."""

    Consumer = CommittedConsumer

    def __init__(self, url: Any, app: Any, heartbeats: Heartbeats) -> None:
        super().__init__(url, app)
        self.heartbeats = heartbeats
