"""The processors as a Faust app: a lane that decides, for each partition of `events.raw` that this worker owns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sluice.contract import topics
from sluice.processors.alarm import Alarm, Bound
from sluice.processors.lane import ProcessorLane
from sluice.processors.report import Report
from sluice.stream import worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import faust

    from sluice.processors.journal import Journal
    from sluice.processors.rules.rulebook import Rulebook
    from sluice.processors.settings import ProcessorSettings
    from sluice.stream.lane import RawLog


GROUP = "sluice-processors"


def create_app(
    settings: ProcessorSettings,
    journal: Journal,
    raw_log: RawLog,
    rules: Callable[[], Rulebook],
    follow: Callable[[int], Awaitable[None]],
    say: Callable[[str], None],
) -> faust.App:
    """Build the Faust app of one worker; nothing is connected before it starts.

    `follow` keeps the state of a partition that another worker owns, until it is cancelled. `say` is told which
    partitions pause, as `Report` does.
    """
    bound = Bound(settings.processors_pause_failed_percent, settings.processors_pause_failed_events)
    report = Report(time.monotonic, say)
    return worker.create_app(
        worker.Worker(
            group=GROUP,
            topic=topics.RAW,
            bootstrap=settings.kafka_bootstrap,
            data_dir=settings.data_dir,
            instance=settings.processors_instance,
            session_timeout_ms=settings.processors_session_timeout_ms,
            batch_records=settings.processors_batch_records,
            batch_wait_ms=settings.processors_batch_wait_ms,
            standby_replicas=settings.processors_standby_replicas,
        ),
        lambda partition: ProcessorLane(partition, journal, raw_log, rules, Alarm(bound, time.monotonic), report),
        follow,
    )
