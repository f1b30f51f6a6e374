"""What every journal promises; run on the twin in memory and on the real Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from tests.factories import TOPIC, processed_line

from sluice.contract import ndjson, processed, topics
from sluice.contract.errors import Fenced
from sluice.processors.journal import Journal, Marker
from sluice.processors.journal_kafka import KafkaJournal
from sluice.processors.journal_memory import MemoryJournal, MemoryLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.stack import Stack


class Cluster(Protocol):
    """Where journals of several workers meet, and what a reader of committed records sees there."""

    def journal(self) -> Journal: ...

    async def output(self, partition: int) -> list[bytes]: ...


class MemoryCluster:
    def __init__(self) -> None:
        self._log = MemoryLog()

    def journal(self) -> Journal:
        return MemoryJournal(self._log)

    async def output(self, partition: int) -> list[bytes]:
        return self._log.output.get(partition, [])


class KafkaCluster:
    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def journal(self) -> Journal:
        return KafkaJournal(self._bootstrap)

    async def output(self, partition: int) -> list[bytes]:
        log = TopicPartition(topics.PROCESSED.name, partition)
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap, isolation_level="read_committed") as consumer:
            consumer.assign([log])
            await consumer.seek_to_beginning(log)
            end = (await consumer.end_offsets([log]))[log]
            seen: list[bytes] = []
            while await consumer.position(log) < end:
                records = (await consumer.getmany(log, timeout_ms=200)).get(log, ())
                seen.extend(record.value for record in records)
            return seen


@pytest.fixture(params=["memory", "kafka"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "memory":
        return MemoryCluster()
    deployment: Stack = request.getfixturevalue("deployment")
    return KafkaCluster(deployment.kafka_bootstrap)


def values(*offsets: int) -> Sequence[bytes]:
    return [ndjson.join([processed.encode(processed_line(offset))]) for offset in offsets]


async def test_a_partition_of_which_nothing_was_decided_has_no_marker(cluster: Cluster, partition: int):
    journal = cluster.journal()
    assert (await journal.open(partition)).marker is None
    await journal.close(partition)


async def test_a_commit_shows_its_output_and_its_marker(cluster: Cluster, partition: int):
    journal = cluster.journal()
    await journal.open(partition)
    await journal.commit(partition, values(0, 1), {}, Marker(TOPIC, 1))
    await journal.commit(partition, values(2), {}, Marker(TOPIC, 2))
    await journal.close(partition)
    assert await cluster.output(partition) == values(0, 1, 2)
    successor = cluster.journal()
    assert (await successor.open(partition)).marker == Marker(TOPIC, 2)
    await successor.close(partition)


async def test_whoever_opens_a_partition_fences_the_one_before(cluster: Cluster, partition: int):
    paused, successor = cluster.journal(), cluster.journal()
    await paused.open(partition)
    await paused.commit(partition, values(0), {}, Marker(TOPIC, 0))
    assert (await successor.open(partition)).marker == Marker(TOPIC, 0)
    with pytest.raises(Fenced):
        await paused.commit(partition, values(1), {}, Marker(TOPIC, 1))
    await successor.commit(partition, values(1), {}, Marker(TOPIC, 1))
    assert await cluster.output(partition) == values(0, 1)
    await paused.close(partition)
    await successor.close(partition)


async def test_the_one_that_was_fenced_may_open_the_partition_again(cluster: Cluster, partition: int):
    one, other = cluster.journal(), cluster.journal()
    await one.open(partition)
    await other.open(partition)
    await other.commit(partition, values(0), {}, Marker(TOPIC, 0))
    assert (await one.open(partition)).marker == Marker(TOPIC, 0)
    await one.commit(partition, values(1), {}, Marker(TOPIC, 1))
    assert await cluster.output(partition) == values(0, 1)
    await one.close(partition)
    await other.close(partition)


async def test_partitions_have_own_markers_and_owners(cluster: Cluster, partition: int, other_partition: int):
    one, other = cluster.journal(), cluster.journal()
    await one.open(partition)
    await other.open(other_partition)
    await one.commit(partition, [], {}, Marker(TOPIC, 5))
    await other.commit(other_partition, [], {}, Marker(TOPIC, 7))
    await one.close(partition)
    assert (await one.open(partition)).marker == Marker(TOPIC, 5)
    await one.close(partition)
    await other.close(other_partition)


async def test_what_was_closed_can_be_closed_again(cluster: Cluster, partition: int):
    journal = cluster.journal()
    await journal.open(partition)
    await journal.close(partition)
    await journal.close(partition)
