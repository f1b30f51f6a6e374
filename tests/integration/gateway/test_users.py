"""The known users on a real broker: the same suite as the twin in memory, and what only a broker can do to them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.conformance.users_suite import UsersSuite
from tests.integration.stack import RoleProcess

from sluice.contract.topics import USERS_KNOWN, Topic
from sluice.gateway.users.directory import KafkaUsers, known_users
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

PARTITIONS = 3
DEADLINE_S = 2.0


class Broker(RoleProcess):
    """A broker of these tests' own, since it is stopped and killed."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        super().__init__("broker", directory, {"SLUICE_KAFKA_PORT": str(port), "SLUICE_DATA_DIR": str(directory)})

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def topic(broker: Broker) -> str:
    """A topic of this test's own."""
    made = Topic(f"{USERS_KNOWN.name}.{uuid4().hex[:8]}", USERS_KNOWN.max_bytes, USERS_KNOWN.config)
    await create_topics(broker.bootstrap, [made], partitions=PARTITIONS, replication=1)
    return made.name


class OnKafka:
    def __init__(self, users: KafkaUsers, broker: Broker) -> None:
        self.users = users
        self._broker = broker

    def away(self) -> None:
        self._broker.freeze()

    def back(self) -> None:
        self._broker.thaw()


class TestKafkaUsers(UsersSuite):
    @pytest.fixture
    async def known(self, broker: Broker, topic: str, tmp_path: Path) -> AsyncIterator[OnKafka]:
        async with known_users(broker.bootstrap, tmp_path / "users", topic=topic, deadline_s=DEADLINE_S) as users:
            yield OnKafka(users, broker)
            broker.thaw()
