"""Finding results on the real events.processed, among transactions, other raw topics and holes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.conformance.journal_cluster import KafkaCluster
from tests.factories import processed_line

from sluice.contract import ndjson, processed, topics
from sluice.contract.errors import Retry
from sluice.processors.journal import Marker
from sluice.sinks.processed_log import KafkaProcessedLog

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.stack import Stack


PARTITION = 0


async def test_each_raw_record_is_found_and_what_is_missing_is_not(stack: Stack, tmp_path: Path):
    old, new = str(uuid4()), str(uuid4())
    held = [*((old, offset) for offset in range(5, 9)), *((new, offset) for offset in (*range(20), *range(25, 40)))]
    cluster = KafkaCluster(stack.kafka_bootstrap, tmp_path)
    await cluster.create_topics()
    journal = cluster.journal()
    await journal.open(PARTITION)
    for topic, offset in held:  # one transaction each, so that every other offset of the log is a control record
        line = processed.encode(processed_line(offset, topic=topic, partition=PARTITION))
        await journal.commit(PARTITION, [ndjson.join([line])], {}, Marker(topic, offset))
    await cluster.close()

    log = KafkaProcessedLog(stack.kafka_bootstrap, cluster.processed.name)
    at = {key: 2 * position for position, key in enumerate(held)}
    for topic, last in ((old, 8), (new, 39)):
        before = at[topic, last]
        wanted = [(t, offset) for t, offset in held if t == topic and offset < last]
        found = {key: await log.find(PARTITION, *key, before=before) for key in wanted}
        assert found == {key: at[key] for key in wanted}
    for missing in (20, 24, 39, 40):
        assert await log.find(PARTITION, new, missing, before=at[new, 39]) is None
    assert await log.find(PARTITION, new, 30, before=at[new, 30]) is None


async def test_while_kafka_is_away_callers_are_told_to_retry():
    with pytest.raises(Retry):
        await KafkaProcessedLog("127.0.0.1:1", topics.PROCESSED.name).find(0, str(uuid4()), 0, before=1)
