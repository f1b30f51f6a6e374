"""The processors as a Faust app: a lane that decides, for each partition of `events.raw` that this worker owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract import topics
from sluice.processors.lane import ProcessorLane
from sluice.stream import worker

if TYPE_CHECKING:
    from collections.abc import Callable

    import faust

    from sluice.processors.journal import Journal
    from sluice.processors.lane import RawLog
    from sluice.processors.rules.rulebook import Rulebook
    from sluice.processors.settings import ProcessorSettings


def create_app(
    settings: ProcessorSettings, journal: Journal, raw_log: RawLog, rules: Callable[[], Rulebook]
) -> faust.App:
    """Build the Faust app of one worker; nothing is connected before it starts."""
    return worker.create_app(
        worker.Worker(
            group="sluice-processors",
            topic=topics.RAW,
            bootstrap=settings.kafka_bootstrap,
            data_dir=settings.data_dir,
            instance=settings.processors_instance,
            session_timeout_ms=settings.processors_session_timeout_ms,
            batch_records=settings.processors_batch_records,
            batch_wait_ms=settings.processors_batch_wait_ms,
        ),
        lambda partition: ProcessorLane(partition, journal, raw_log, rules),
    )
