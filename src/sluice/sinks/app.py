"""The sinks as a Faust app: a lane that stores, for each partition of `events.processed` that this worker owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract import topics
from sluice.sinks.lane import SinkLane
from sluice.sinks.settings import GROUP
from sluice.stream import worker

if TYPE_CHECKING:
    import faust

    from sluice.sinks.event_log import EventLog
    from sluice.sinks.lane import ProcessedLog
    from sluice.sinks.settings import SinkSettings
    from sluice.stream.lane import RawLog


def create_app(
    settings: SinkSettings, event_log: EventLog, processed_log: ProcessedLog, raw_log: RawLog
) -> faust.App:
    """Build the Faust app of one worker; nothing is connected before it starts."""
    return worker.create_app(
        worker.Worker(
            group=GROUP,
            topic=topics.PROCESSED,
            bootstrap=settings.kafka_bootstrap,
            data_dir=settings.data_dir,
            instance=settings.sinks_instance,
            session_timeout_ms=settings.sinks_session_timeout_ms,
            batch_records=settings.sinks_batch_records,
            batch_wait_ms=settings.sinks_batch_wait_ms,
            batch_bytes=settings.sinks_batch_bytes,
        ),
        lambda partition: SinkLane(partition, event_log, processed_log, raw_log),
    )
