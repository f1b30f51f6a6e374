"""A worker of the processors that can be killed in each gap of its transaction.

The same parts as in `sluice.processors.main`, with the real journal and the real producer in adapters that end the
process at an armed step. Run as `python -m tests.chaos.roles.processors DIRECTORY`, the directory of the steps.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from tests.chaos.faults import Step
from tests.chaos.steps import Steps

from sluice.contract import topics
from sluice.kafka.topic_ids import await_topics
from sluice.kafka.topic_log import TopicLog
from sluice.processors.app import GROUP, create_app
from sluice.processors.journal_kafka import KafkaJournal
from sluice.processors.rules.canonical.visitor import LOCAL_SECRET, Visitors
from sluice.processors.rules_in_force import RulesInForce, settings_file
from sluice.processors.settings import ProcessorSettings
from sluice.processors.state_rocksdb import Stores
from sluice.role.ready import Statuses
from sluice.role.settings import load
from sluice.role.start import log_to_stderr, name_process
from sluice.stream import worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.processors.journal import Marker, Opened
    from sluice.processors.state import Entry

ON_ITS_WAY_S = 0.002
"""So long after a commit was asked for the broker may have heard of it, or not."""


class MortalProducer(AIOKafkaProducer):  # type: ignore[misc]
    """A producer whose process may end within its transaction."""

    steps: Steps

    async def begin_transaction(self) -> None:
        await super().begin_transaction()
        self.steps.reach(Step.BEGUN)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        """Send changes of the state, which follow the output."""
        if self.steps.is_armed(Step.OUTPUT_SENT):
            await self.flush()
            self.steps.reach(Step.OUTPUT_SENT)
        return await super().send_batch(batch, topic, partition=partition)

    async def commit_transaction(self) -> None:
        self.steps.reach(Step.CHANGELOG_SENT)
        if self.steps.is_armed(Step.COMMITTING):
            committing = asyncio.ensure_future(super().commit_transaction())
            await asyncio.sleep(ON_ITS_WAY_S)
            self.steps.reach(Step.COMMITTING)
            await committing
        else:
            await super().commit_transaction()
        self.steps.reach(Step.COMMITTED)


@dataclass(frozen=True, kw_only=True)
class MortalJournal(KafkaJournal):
    """The journal on Kafka, whose process may end while it opens a partition and while it commits."""

    steps: Steps

    async def open(self, partition: int) -> Opened:
        opened = await super().open(partition)
        self.steps.reach(Step.TAKEN_OVER)
        return opened

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        await super().commit(partition, output, changes, marker)
        self.steps.reach(Step.STATE_WRITTEN)

    def _producer(self, partition: int) -> AIOKafkaProducer:
        producer = super()._producer(partition)
        producer.__class__ = MortalProducer
        producer.steps = self.steps
        return producer


def run(settings: ProcessorSettings, steps: Steps) -> None:
    """Run one worker until it is ended."""
    name_process("processors")
    log_to_stderr(settings.processors_log_level)
    statuses = Statuses()
    rules = RulesInForce(Visitors(LOCAL_SECRET), settings_file(settings), statuses.of("settings file"))
    asyncio.run(await_topics(settings.kafka_bootstrap, [topic.name for topic in topics.ALL]))
    raw_log = TopicLog(settings.kafka_bootstrap, topics.RAW.name)
    with closing(Stores(settings.data_dir / GROUP / "state")) as stores:
        journal = MortalJournal(settings.kafka_bootstrap, stores, steps=steps)
        app = create_app(settings, journal, raw_log, rules.now, journal.follow, statuses.of("partitions"))
        app.task(rules.follow)
        worker.run(app)


if __name__ == "__main__":
    run(load(ProcessorSettings), Steps(Path(sys.argv[1])))
