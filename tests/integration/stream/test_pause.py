"""A lane that pauses its partition, in a worker on the real broker."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from sluice.contract.topics import Topic
from sluice.kafka.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.stack import Stack

DEADLINE_S = 60.0
STOPS_AT = 5
BACKLOG = 2000


async def publish(stack: Stack, topic: str, partition: int, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap) as producer:
        sent = [await producer.send(topic, value=value, partition=partition) for value in values]
        for acknowledged in sent:
            await acknowledged


def start_worker(bootstrap: str, topic: str, directory: Path) -> subprocess.Popen[bytes]:
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.stream.pausing_worker", bootstrap, topic, directory],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert held, what


@pytest.mark.parametrize("why", ["stop", "away"])
async def test_a_paused_partition_waits_with_its_backlog_while_the_other_goes_on(
    stack: Stack, tmp_path: Path, why: str
):
    topic = f"test-{uuid4()}"
    await create_topics(stack.kafka_bootstrap, [Topic(topic, 1_000_000)], partitions=2, replication=1)
    backlog = [b"go"] * BACKLOG
    backlog[STOPS_AT] = why.encode()
    await publish(stack, topic, 0, backlog)

    def noted(what: str) -> list[int]:
        notes = tmp_path / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [int(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{what} ")]

    process = start_worker(stack.kafka_bootstrap, topic, tmp_path)
    try:
        wait_until(lambda: len(noted("pause 0")) >= 2, "it tries again after a pause")
        await publish(stack, topic, 1, [b"go"] * 100)
        wait_until(lambda: len(noted("handle 1")) == 100, "the other partition goes on")
        pauses = len(noted("pause 0"))
        wait_until(lambda: len(noted("pause 0")) >= pauses + 2, "the paused one tries on")
        assert noted("handle 0") == list(range(STOPS_AT))
        assert set(noted("pause 0")) == {STOPS_AT}
        (tmp_path / "mended").touch()
        wait_until(lambda: len(noted("handle 0")) >= BACKLOG, "it goes on by itself")
        assert noted("handle 0") == list(range(BACKLOG))
    finally:
        process.kill()
        process.wait()
