"""Workers of one group on the real broker: partitions go from one to the other, and somebody stands by."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from tests.integration.stack import RoleProcess

from sluice.contract.topics import Topic
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.role.fatal import EX_SOFTWARE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.integration.stack import Stack

PARTITIONS = 4
SHORT_SESSION_MS = 6_000
"""The least that Kafka allows."""
LONG_SESSION_MS = 120_000
"""Longer than any test may take: nothing passes by waiting for it."""
DEADLINE_S = 60.0


@dataclass
class Group:
    """Workers on a topic that nobody else uses."""

    bootstrap: str
    topic: str
    directory: Path
    replicas: int = 0
    session_ms: int = LONG_SESSION_MS
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, instance: str, program: str = "noting_worker") -> None:
        directory = self.directory / instance
        directory.mkdir(exist_ok=True)
        with (directory / "log").open("ab") as log:
            self.processes[instance] = subprocess.Popen(
                [
                    *(sys.executable, "-m", f"tests.integration.stream.{program}"),
                    *(self.bootstrap, self.topic, instance, directory),
                    *(str(self.session_ms), str(self.replicas)),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def drain(self, instance: str) -> int:
        self.processes[instance].terminate()
        return self.processes[instance].wait(DEADLINE_S)

    def owned(self, instance: str) -> set[int]:
        return self._noted(instance, "own", "give")

    def followed(self, instance: str) -> set[int]:
        return self._noted(instance, "follow", "leave")

    def handled(self, instance: str) -> set[int]:
        return self._noted(instance, "handle", "")

    def log(self, instance: str) -> str:
        return (self.directory / instance / "log").read_text()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not (held := holds()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert held, {instance: (self.owned(instance), self.followed(instance)) for instance in self.processes}

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _noted(self, instance: str, begins: str, ends: str) -> set[int]:
        partitions: set[int] = set()
        notes = self.directory / instance / "notes"
        for note in notes.read_text().splitlines() if notes.exists() else ():
            what, partition = note.split()
            if what == begins:
                partitions.add(int(partition))
            elif what == ends:
                partitions.discard(int(partition))
        return partitions


@pytest.fixture
async def group(stack: Stack, tmp_path: Path) -> AsyncIterator[Group]:
    topic = f"test-{uuid4()}"
    await create_topics(stack.kafka_bootstrap, [Topic(topic, 1_000_000)], partitions=PARTITIONS, replication=1)
    group = Group(stack.kafka_bootstrap, topic, tmp_path)
    yield group
    group.stop()


ALL = set(range(PARTITIONS))


async def publish(group: Group) -> None:
    async with AIOKafkaProducer(bootstrap_servers=group.bootstrap) as producer:
        for partition in ALL:
            await producer.send_and_wait(group.topic, value=b"record", partition=partition)


async def test_a_static_member_that_drains_hands_its_partitions_over_at_once(group: Group):
    group.start("one")
    group.wait_until(lambda: group.owned("one") == ALL)
    group.start("two")
    group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
    assert group.drain("one") == 0
    assert group.owned("one") == set(), "it has given up what it had"
    group.wait_until(lambda: group.owned("two") == ALL)


async def test_a_dynamic_member_that_drains_hands_its_partitions_over_at_once(group: Group):
    group.start("")
    group.wait_until(lambda: group.owned("") == ALL)
    group.start("two")
    group.wait_until(lambda: len(group.owned("")) == len(group.owned("two")) == PARTITIONS / 2)
    assert group.drain("") == 0
    group.wait_until(lambda: group.owned("two") == ALL)


async def test_a_static_member_that_is_killed_has_its_partitions_again_at_once(group: Group):
    group.start("one")
    group.start("two")
    group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
    before = group.owned("one"), group.owned("two")
    group.processes["one"].kill()
    group.processes["one"].wait()
    (group.directory / "one" / "notes").unlink()
    group.start("one")
    group.wait_until(lambda: (group.owned("one"), group.owned("two")) == before)


async def test_a_static_member_that_is_killed_for_good_loses_its_partitions_with_its_session(group: Group):
    group.session_ms = SHORT_SESSION_MS
    group.start("one")
    group.start("two")
    group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
    group.processes["one"].kill()
    group.wait_until(lambda: group.owned("two") == ALL)


async def test_each_partition_is_followed_by_another_worker_until_that_one_owns_it(group: Group):
    group.replicas = 1
    group.start("one")
    group.wait_until(lambda: group.owned("one") == ALL)
    assert group.followed("one") == set(), "there is nobody whom it could stand by for"
    group.start("two")
    group.wait_until(lambda: group.followed("one") == group.owned("two") and len(group.owned("two")) == 2)
    group.wait_until(lambda: group.followed("two") == group.owned("one") and len(group.owned("one")) == 2)
    group.drain("one")
    assert group.followed("one") == set()
    group.wait_until(lambda: group.owned("two") == ALL and group.followed("two") == set())


async def test_without_replicas_nobody_stands_by(group: Group):
    group.start("one")
    group.start("two")
    group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
    assert group.followed("one") == group.followed("two") == set()


async def test_a_worker_whose_heartbeats_hang_ends_and_the_others_take_over(group: Group):
    group.session_ms = SHORT_SESSION_MS
    group.start("deaf", "deaf_worker")
    group.start("two")
    group.wait_until(lambda: len(group.owned("deaf")) == len(group.owned("two")) == PARTITIONS / 2)
    (group.directory / "deaf" / "deaf").touch()
    assert group.processes["deaf"].wait(DEADLINE_S) == EX_SOFTWARE
    assert "no heartbeat for more than 6 s, although Kafka answers" in group.log("deaf")
    group.wait_until(lambda: group.owned("two") == ALL)
    assert group.processes["two"].poll() is None


async def test_a_worker_whose_heartbeats_hang_handles_nothing_that_it_fetches_after_it_was_removed(group: Group):
    group.session_ms = SHORT_SESSION_MS
    group.start("deaf", "deaf_worker")
    group.wait_until(lambda: group.owned("deaf") == ALL)
    (group.directory / "deaf" / "deaf").touch()
    group.start("two")
    group.wait_until(lambda: group.owned("two") == ALL)
    await publish(group)
    group.wait_until(lambda: group.handled("two") == ALL)
    assert group.processes["deaf"].wait(DEADLINE_S) == EX_SOFTWARE
    assert group.handled("deaf") == set()


async def test_a_worker_that_was_stopped_for_longer_than_its_session_joins_again(group: Group):
    group.session_ms = SHORT_SESSION_MS
    group.start("one")
    group.start("two")
    group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
    group.processes["one"].send_signal(signal.SIGSTOP)
    group.wait_until(lambda: group.owned("two") == ALL)
    group.processes["one"].send_signal(signal.SIGCONT)
    group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
    assert group.drain("one") == 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RoleProcess]:
    settings = {"SLUICE_KAFKA_PORT": str(free_port()), "SLUICE_DATA_DIR": str(tmp_path)}
    process = RoleProcess("broker", tmp_path, settings)
    process.start()
    yield process
    process.kill()


async def test_a_worker_survives_an_outage_of_the_broker_that_is_longer_than_its_session(
    broker: RoleProcess, tmp_path: Path
):
    bootstrap = f"127.0.0.1:{broker._environment['SLUICE_KAFKA_PORT']}"
    await create_topics(bootstrap, [Topic("topic", 1_000_000)], partitions=PARTITIONS, replication=1)
    group = Group(bootstrap, "topic", tmp_path, session_ms=SHORT_SESSION_MS)
    try:
        group.start("one")
        group.start("two")
        group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
        broker.kill()
        back_at = time.monotonic() + 3 * SHORT_SESSION_MS / 1000
        group.wait_until(lambda: time.monotonic() > back_at)
        broker.start()
        await publish(group)
        group.wait_until(lambda: group.handled("one") | group.handled("two") == ALL)
        group.wait_until(lambda: len(group.owned("one")) == len(group.owned("two")) == PARTITIONS / 2)
        assert group.drain("one") == 0
        assert group.drain("two") == 0
    finally:
        group.stop()
