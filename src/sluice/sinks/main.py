"""The sinks' composition root."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sluice.contract import topics
from sluice.kafka.topic_ids import await_topics
from sluice.kafka.topic_log import TopicLog
from sluice.role.start import log_to_stderr, name_process
from sluice.sinks.app import create_app
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.processed_log import KafkaProcessedLog
from sluice.stream import worker

if TYPE_CHECKING:
    from sluice.sinks.settings import SinkSettings


def run(settings: SinkSettings) -> None:
    """Run one worker of the sinks until SIGTERM or SIGINT.

    Waits for Kafka where it is not there yet. Raises `Unusable` when a topic is missing. ClickHouse may come later:
    until then Kafka holds the backlog.
    """
    name_process("sinks")
    log_to_stderr(settings.sinks_log_level)
    asyncio.run(await_topics(settings.kafka_bootstrap, [topics.RAW.name, topics.PROCESSED.name]))
    app = create_app(
        settings,
        ClickHouseEventLog(settings.clickhouse_url),
        KafkaProcessedLog(settings.kafka_bootstrap, topics.PROCESSED.name),
        TopicLog(settings.kafka_bootstrap, topics.RAW.name),
    )
    worker.run(app)
