"""The processors' composition root."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from sluice.contract import topics
from sluice.contract.errors import Unusable
from sluice.kafka.topic_ids import await_topics
from sluice.kafka.topic_log import TopicLog
from sluice.processors.app import GROUP, create_app
from sluice.processors.journal_kafka import KafkaJournal
from sluice.processors.rules.canonical.visitor import LOCAL_SECRET, Visitors
from sluice.processors.rules_in_force import RulesInForce, settings_file
from sluice.processors.state_rocksdb import Stores
from sluice.role.ready import Statuses
from sluice.role.start import log_to_stderr, name_process
from sluice.stream import worker

if TYPE_CHECKING:
    from sluice.processors.settings import ProcessorSettings


def run(settings: ProcessorSettings) -> None:
    """Run one worker of the processors until SIGTERM or SIGINT.

    Waits for Kafka where it is not there yet. Raises `Unusable` when a topic or the secret is missing, or the
    settings file is wrong.
    """
    name_process("processors")
    log_to_stderr(settings.processors_log_level)
    statuses = Statuses()
    rules = RulesInForce(Visitors(_visitor_secret(settings)), settings_file(settings), statuses.of("settings file"))
    asyncio.run(await_topics(settings.kafka_bootstrap, [topic.name for topic in topics.ALL]))
    raw_log = TopicLog(settings.kafka_bootstrap, topics.RAW.name)
    with closing(Stores(settings.data_dir / GROUP / "state")) as stores:
        journal = KafkaJournal(settings.kafka_bootstrap, stores)
        app = create_app(settings, journal, raw_log, rules.now, journal.follow, statuses.of("partitions"))
        app.task(rules.follow)
        worker.run(app)


def _visitor_secret(settings: ProcessorSettings) -> bytes:
    if settings.visitor_secret is not None:
        return settings.visitor_secret.get_secret_value().encode()
    if settings.local:
        return LOCAL_SECRET
    raise Unusable("SLUICE_VISITOR_SECRET is not set: give it a secret of 1 to 64 bytes and never change it")
