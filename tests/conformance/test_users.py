"""The twin in memory is held to the same suite as the directory on a real broker (tests/integration/gateway).

So is that directory over a topic in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.users_suite import UsersSuite
from tests.unit.gateway.users.fake_topic import PARTITIONS, FakeTopic

from sluice.gateway.users.directory import KafkaUsers
from sluice.gateway.users.memory import MemoryUsers
from sluice.gateway.users.replica import Replica
from sluice.gateway.users.store import KnownStore
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class InMemory:
    def __init__(self) -> None:
        self.users = MemoryUsers()

    def away(self) -> None:
        self.users.away = True

    def back(self) -> None:
        self.users.away = False


class TestMemoryUsers(UsersSuite):
    @pytest.fixture
    def known(self) -> InMemory:
        return InMemory()


class OverATopic:
    def __init__(self, topic: FakeTopic, users: KafkaUsers) -> None:
        self.users = users
        self._topic = topic

    def away(self) -> None:
        self._topic.away = True

    def back(self) -> None:
        self._topic.away = False


class TestKafkaUsersOverATopicInMemory(UsersSuite):
    @pytest.fixture
    async def known(self, tmp_path: Path) -> AsyncIterator[OverATopic]:
        topic = FakeTopic(system_clock)
        replica = Replica(KnownStore(tmp_path), topic.connect, system_clock)
        await replica.start()
        yield OverATopic(topic, KafkaUsers(topic, PARTITIONS, replica))
        await replica.close()
