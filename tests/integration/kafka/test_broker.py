from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from tests.integration.stack import RoleProcess

from sluice.kafka.reader import stop
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024


class Broker(RoleProcess):
    """An embedded broker of one test module, which may be killed."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.environment = {"SLUICE_KAFKA_PORT": str(self.port), "SLUICE_DATA_DIR": str(directory)}
        super().__init__("broker", directory, self.environment)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    running = Broker(tmp_path_factory.mktemp("broker"))
    running.start()
    yield running
    running.stop()


async def create_topic(broker: Broker, name: str, **configs: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=configs)])
    finally:
        await admin.close()


async def produce(broker: Broker, topic: str, *values: bytes, transactional_id: str | None = None) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap,
        enable_idempotence=True,
        max_request_size=34 * MIB,
        transactional_id=transactional_id,
    )
    await producer.start()
    try:
        if transactional_id:
            await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
        if transactional_id:
            await producer.commit_transaction()
    finally:
        await producer.stop()


async def consume(broker: Broker, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=34 * MIB,
        fetch_max_bytes=34 * MIB,
    )
    try:
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0)])
        return [(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(count)]
    finally:
        await stop(consumer)


def run_broker(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sluice", "broker"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("downloading Kafka")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("sluice: ")
    assert sentence in lines[0]


async def test_ready_means_that_a_topic_can_be_created_at_once(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    try:
        await create_topic(broker, "at-once")
    finally:
        broker.stop()


async def test_records_come_back_committed(broker):
    await create_topic(broker, "committed")
    await produce(broker, "committed", b"one", b"two", transactional_id="sluice-test")
    assert await consume(broker, "committed", 2) == [b"one", b"two"]


async def test_a_record_of_32_mib_goes_in_and_out(broker):
    await create_topic(broker, "large", **{"max.message.bytes": str(33 * MIB)})
    largest = os.urandom(32 * MIB)
    await produce(broker, "large", largest)
    assert await consume(broker, "large", 1) == [largest]


async def test_a_misspelt_topic_is_not_created(broker):
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, request_timeout_ms=1_000)
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait("misspelt", b"")
    finally:
        await producer.stop()


async def test_what_was_acknowledged_survives_kill_9(broker):
    await create_topic(broker, "durable")
    await produce(broker, "durable", b"before")
    broker.kill()
    broker.start()
    await produce(broker, "durable", b"after")
    assert await consume(broker, "durable", 2) == [b"before", b"after"]


def test_a_second_broker_on_the_same_data_ends_in_a_sentence(broker):
    done = run_broker(**{**broker.environment, "SLUICE_KAFKA_PORT": str(free_port())})
    assert_one_sentence(done, "another broker is using")


def test_a_taken_port_ends_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run_broker(SLUICE_KAFKA_PORT=str(port), SLUICE_DATA_DIR=str(tmp_path))
    assert_one_sentence(done, f"port {port} on 127.0.0.1, for the Kafka broker, is taken by another process")


def test_with_cached_jars_a_start_needs_no_network(tmp_path):
    offline = Broker(tmp_path)
    offline.environment["SLUICE_MAVEN_REPOSITORY"] = f"http://127.0.0.1:{free_port()}"
    process = RoleProcess("broker", tmp_path, offline.environment)
    process.start()
    process.stop()


def test_a_failed_download_ends_in_a_sentence_and_leaves_no_jar(tmp_path):
    done = run_broker(
        SLUICE_KAFKA_PORT=str(free_port()),
        SLUICE_DATA_DIR=str(tmp_path),
        SLUICE_CACHE_DIR=str(tmp_path / "cache"),
        SLUICE_MAVEN_REPOSITORY=f"http://127.0.0.1:{free_port()}",
    )
    assert_one_sentence(done, "of Kafka could not be downloaded")
    assert [path.name for path in (tmp_path / "cache" / "jars").iterdir()] == [".lock"]


def test_a_directory_that_cannot_be_made_ends_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = run_broker(SLUICE_KAFKA_PORT=str(free_port()), SLUICE_DATA_DIR=str(tmp_path / "file"))
    assert_one_sentence(done, "cannot be written")
