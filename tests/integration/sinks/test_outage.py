"""ClickHouse is away for longer than a session of the consumer group: nothing piles up, and nobody has to help."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from tests.factories import processed_line
from tests.integration.stack import RoleProcess

from sluice.contract import ndjson, processed, topics
from sluice.kafka.topic_ids import topic_id
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.stream.owned import RETRY_LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.sinks.conftest import OwnClickHouse

PARTITIONS = 2
RECORDS = 600
LINES = 50
RECORD_BYTES = 100_000
"""A record's payloads; all of them are 120 MB."""
GROWTH_MIB = 100
DEADLINE_S = 100.0


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of its own, since the sinks read one topic as one group."""
    directory, port = tmp_path_factory.mktemp("broker"), free_port()
    broker = RoleProcess("broker", directory, {"SLUICE_KAFKA_PORT": str(port), "SLUICE_DATA_DIR": str(directory)})
    broker.start()
    asyncio.run(create_topics(f"127.0.0.1:{port}", topics.ALL, partitions=PARTITIONS, replication=1))
    yield f"127.0.0.1:{port}"
    broker.stop()


@pytest.fixture
def sink(bootstrap: str, clickhouse: OwnClickHouse, tmp_path: Path) -> Iterator[RoleProcess]:
    role = RoleProcess(
        "sinks",
        tmp_path,
        {
            "SLUICE_KAFKA_BOOTSTRAP": bootstrap,
            "SLUICE_CLICKHOUSE_URL": clickhouse.url,
            "SLUICE_DATA_DIR": str(tmp_path),
            "SLUICE_SINKS_SESSION_TIMEOUT_MS": "6000",
            "SLUICE_SINKS_BATCH_BYTES": str(4 * topics.MIB),
        },
    )
    role.start()
    yield role
    role.stop()


async def produce(bootstrap: str, topic: str) -> None:
    """Write records of about 100 kB to each partition, and as many raw ones."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=topics.PROCESSED_MAX_BYTES) as producer:
        for offset in range(RECORDS):
            for partition in range(PARTITIONS):
                lines = [
                    processed_line(
                        offset, number, topic=topic, partition=partition, reason="x" * (RECORD_BYTES // LINES)
                    )
                    for number in range(LINES)
                ]
                value = ndjson.join(processed.encode(line) for line in lines)
                await producer.send(topics.RAW.name, b"{}", partition=partition)
                await producer.send(topics.PROCESSED.name, value, partition=partition)
        await producer.flush()


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert held, what


def test_a_sink_outlives_an_outage_of_clickhouse_in_its_group_and_stores_everything_after_it(
    bootstrap: str, clickhouse: OwnClickHouse, sink: RoleProcess
):
    topic = asyncio.run(topic_id(bootstrap, topics.RAW.name))
    clickhouse.kill()
    before = resident_mib(sink.pid)
    asyncio.run(produce(bootstrap, topic))
    longest = f"trying again in {RETRY_LONGEST_S:.1f} s"
    wait_until(
        lambda: (
            all(f"partition {n}: ClickHouse" in sink.log.read_text() for n in range(PARTITIONS))
            and sink.log.read_text().count(longest) >= PARTITIONS
        ),
        "it backs off",
    )
    assert resident_mib(sink.pid) - before < GROWTH_MIB
    clickhouse.start()
    counts = "SELECT count(), uniqExact(source_partition, source_offset, source_line) FROM sluice.event_log "
    of_topic = "WHERE source_topic = {topic:UUID}"
    everything = RECORDS * PARTITIONS * LINES
    wait_until(
        lambda: clickhouse.query(counts + of_topic, topic=topic) == [(everything, everything)],
        "everything is stored once",
    )
    assert sink.log.read_text().count("owning partitions") == 1
