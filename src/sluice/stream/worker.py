"""A Faust worker whose one agent feeds lanes.

The settings and the transport avoid the traps of Faust that docs/decisions/0004-faust.md lists.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import faust
from faust.types import TP
from mode.loop import use

from sluice.contract.topics import MIB
from sluice.role.fatal import ending_process_on_error
from sluice.role.ready import say_ready
from sluice.stream.assignment import Assignment
from sluice.stream.committed import CommittedTransport
from sluice.stream.gathering import Bound, Gathering
from sluice.stream.heartbeats import Heartbeats
from sluice.stream.lane import Record
from sluice.stream.standby import Standby

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sluice.contract.topics import Topic
    from sluice.stream.lane import Lane

log = logging.getLogger(__name__)

DAY_S = 24 * 3600.0
HEARTBEAT_S = 2.0
BUFFER_BYTES = 128 * MIB
"""What Faust holds beside the batch in hand, even if all its records are as large as they may be."""


@dataclass(frozen=True)
class Worker:
    """How one worker runs.

    `group` names the consumer group; `instance`, where it is not empty, makes the worker a static member of it, so
    that a restart moves no partitions. A batch holds `batch_records` and `batch_bytes` at most, and waits
    `batch_wait_ms` for more, counted from its first record.
    """

    group: str
    topic: Topic
    bootstrap: str
    data_dir: Path
    instance: str
    session_timeout_ms: int
    batch_records: int
    batch_wait_ms: int
    batch_bytes: int = 64 * MIB
    standby_replicas: int = 0
    """So many other workers follow each partition, where there are as many."""


def create_app(
    worker: Worker, make_lane: Callable[[int], Lane], follow: Callable[[int], Awaitable[None]] | None = None
) -> faust.App:
    """Build the Faust app of a worker; nothing is connected before it starts.

    `follow` is what a worker does for a partition for which it stands by, until it is cancelled.
    """
    app = faust.App(worker.group, **_settings(worker))
    heartbeats = Heartbeats(worker.session_timeout_ms / 1000)
    app.transport = CommittedTransport(app.conf.broker_consumer, app, heartbeats)
    topic = app.topic(
        worker.topic.name, value_type=bytes, value_serializer="raw", key_type=bytes, key_serializer="raw"
    )

    assignment = Assignment(make_lane, _FaustConsumer(app, worker.topic), lambda: heartbeats.is_member)
    standby = Standby(follow) if follow is not None else None

    @app.agent(topic, name=worker.group, concurrency=1)
    async def process(stream: Any) -> None:
        batches: Gathering[Any] = Gathering(
            Bound(worker.batch_records, worker.batch_bytes, worker.batch_wait_ms / 1000)
        )
        processing = asyncio.create_task(_process(app, assignment, batches))
        try:
            async for event in stream.noack().events():
                await batches.put(event, len(event.message.value or b""))
        finally:
            processing.cancel()

    @app.on_partitions_revoked.connect
    async def revoke(_app: faust.App, revoked: set[TP], **_: Any) -> None:
        with ending_process_on_error("giving partitions up"):
            await assignment.revoke(tp.partition for tp in revoked)

    @app.on_partitions_assigned.connect
    async def assign(_app: faust.App, assigned: set[TP], **_: Any) -> None:
        with ending_process_on_error("standing by"):
            if standby is not None:
                await standby.follow_only({tp.partition for tp in app.assignor.assigned_standbys()})
        app.add_future(_take_over(app, worker.topic, assignment, {tp.partition for tp in assigned}))

    @app.on_before_shutdown.connect
    async def drain(_app: faust.App, **_: Any) -> None:
        with ending_process_on_error("giving everything up"):
            await assignment.revoke(list(assignment.partitions))
            if standby is not None:
                await standby.follow_only(set())

    return app


def run(app: faust.App) -> None:
    """Run the app in this process until SIGTERM or SIGINT, then leave the group and exit."""
    use("uvloop")
    app.conf.datadir.mkdir(parents=True, exist_ok=True)
    faust_worker = _Worker(app, override_logging=False, quiet=True)
    faust_worker.spinner = None  # it would write control characters into the log
    faust_worker.execute_from_commandline()


class _Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker under the name that the role has given its process."""

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        """Leave the name as it is."""


async def _process(app: faust.App, assignment: Assignment, batches: Gathering[Any]) -> None:
    """Have batch after batch handled, while the next one is gathered."""
    with ending_process_on_error("processing a batch"):
        while True:
            events = await batches.take()
            # What was gathered before a rebalance is delivered again after it, to whoever owns the partition then.
            current = [event for event in events if event.message.generation_id == app.consumer_generation_id]
            await assignment.process([_FaustDelivery(event) for event in current])


async def _take_over(app: faust.App, topic: Topic, assignment: Assignment, partitions: set[int]) -> None:
    """Open what was assigned, and move the consumer back where the group's committed offset was ahead."""
    with ending_process_on_error("taking partitions over"):
        next_offsets = await assignment.assign(partitions)
        while app.rebalancing:  # noqa: ASYNC110 - Faust has no event for it
            await asyncio.sleep(0.05)  # its own sleep returns at once when it stops, and takes no cancelling
        for partition, offset in next_offsets.items():
            tp = TP(topic.name, partition)
            if tp in app.consumer.assignment() and (await app.consumer.position(tp) or 0) > offset:
                await app.consumer.seek(tp, offset)
    log.info("owning partitions %s", sorted(assignment.partitions))
    say_ready()


class _FaustConsumer:
    """The app's consumer of one topic as the assignment sees it."""

    def __init__(self, app: faust.App, topic: Topic) -> None:
        self._app = app
        self._topic = topic

    async def seek(self, partition: int, offset: int) -> None:
        """Have a partition delivered from this offset on."""
        await self._app.consumer.seek(self._tp(partition), offset)

    def pause(self, partition: int) -> None:
        """Fetch nothing of a partition for now; Faust itself resumes it when it is assigned anew."""
        self._app.consumer.pause_partitions({self._tp(partition)})

    def resume(self, partition: int) -> None:
        """Fetch of a partition again."""
        self._app.consumer.resume_partitions({self._tp(partition)})

    def _tp(self, partition: int) -> TP:
        return TP(self._topic.name, partition)


class _FaustDelivery:
    """One event of Faust's as the assignment sees it."""

    def __init__(self, event: Any) -> None:
        message = event.message
        timestamp_ms = round(message.timestamp * 1000)
        self._event = event
        self.record = Record(message.partition, message.offset, timestamp_ms, message.value or b"")

    def ack(self) -> None:
        """Let Faust commit up to this event."""
        self._event.ack()


def buffered_records(batch_records: int, topic: Topic) -> int:
    """Give how many records Faust holds beside the batch in hand: as many as a batch, but not too many bytes."""
    return max(1, min(batch_records, BUFFER_BYTES // topic.max_bytes))


def _settings(worker: Worker) -> dict[str, Any]:
    session_s = worker.session_timeout_ms / 1000
    return {
        "broker": [f"kafka://{address}" for address in worker.bootstrap.split(",")],
        "id_format": "{id}",
        "datadir": worker.data_dir / worker.group,
        "autodiscover": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": 4 * MIB,
        # A topic that was missing for a moment is looked for again soon, not after Kafka's 5 minutes.
        "consumer_metadata_max_age_ms": 15_000,
        "consumer_group_instance_id": worker.instance or None,
        "broker_session_timeout": session_s,
        # With their next heartbeat members learn that one has left, and that its partitions are theirs.
        "broker_heartbeat_interval": min(session_s / 4, HEARTBEAT_S),
        # Where Kafka is away for so long in a rebalance, Faust gives that up for good; requests get less time.
        "broker_request_timeout": DAY_S,
        "broker_rebalance_timeout": 30.0,
        # A worker that waits for a neighbour is alive: its heartbeats say so, not its polls.
        "broker_max_poll_interval": DAY_S,
        "broker_commit_interval": 1.0,
        "table_standby_replicas": worker.standby_replicas,
        "stream_wait_empty": False,
        "stream_buffer_maxsize": buffered_records(worker.batch_records, worker.topic),
        "stream_recovery_delay": 0.0,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }
