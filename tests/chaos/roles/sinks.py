"""A worker of the sinks that can be killed between what it does to the table.

The same parts as in `sluice.sinks.main`, with the real event log in an adapter that ends the process at an armed
step. Run as `python -m tests.chaos.roles.sinks DIRECTORY [MUTANT]`: the directory of the steps, and the name of a
mutant of `tests/chaos/mutants/sink_mutants.py` to take for the event log.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.faults import Step
from tests.chaos.mutants import sink_mutants
from tests.chaos.steps import Steps

from sluice.contract import topics
from sluice.kafka.topic_ids import await_topics
from sluice.kafka.topic_log import TopicLog
from sluice.role.settings import load
from sluice.role.start import log_to_stderr, name_process
from sluice.sinks.app import create_app
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.processed_log import KafkaProcessedLog
from sluice.sinks.settings import SinkSettings
from sluice.stream import worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.processed import Processed
    from sluice.sinks.block import Block
    from sluice.sinks.event_log import EventLog, Mark


class MortalEventLog:
    """The event log of a process that may end after each thing that it does there."""

    def __init__(self, event_log: EventLog, steps: Steps) -> None:
        self._event_log = event_log
        self._steps = steps
        self._inserted: set[int] = set()

    async def check(self) -> None:
        await self._event_log.check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        mark = await self._event_log.mark(topic_id, partition, at_least)
        if partition in self._inserted:
            self._inserted.remove(partition)
            self._steps.reach(Step.READ_BACK)
        return mark

    async def insert(self, block: Block, token: str) -> None:
        await self._event_log.insert(block, token)
        self._inserted.add(block.partition)
        self._steps.reach(Step.INSERTED)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        await self._event_log.feed(topic_id, partition, mark)
        self._steps.reach(Step.FED)

    async def trial(self, lines: Sequence[Processed]) -> None:
        await self._event_log.trial(lines)


def run(settings: SinkSettings, steps: Steps, mutant: str = "") -> None:
    """Run one worker until it is ended."""
    name_process("sinks")
    log_to_stderr(settings.sinks_log_level)
    asyncio.run(await_topics(settings.kafka_bootstrap, [topics.RAW.name, topics.PROCESSED.name]))
    made = getattr(sink_mutants, mutant) if mutant else ClickHouseEventLog
    event_log: EventLog = made(settings.clickhouse_url)
    app = create_app(
        settings,
        MortalEventLog(event_log, steps),
        KafkaProcessedLog(settings.kafka_bootstrap, topics.PROCESSED.name),
        TopicLog(settings.kafka_bootstrap, topics.RAW.name),
    )
    worker.run(app)


if __name__ == "__main__":
    run(load(SinkSettings), Steps(Path(sys.argv[1])), *sys.argv[2:])
