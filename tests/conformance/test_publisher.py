"""The publisher's twin in memory is held to the same suite as the one to a broker (tests/integration/gateway)."""

from __future__ import annotations

import pytest
from tests.conformance.publisher_suite import PublisherSuite

from sluice.contract.errors import Retry
from sluice.gateway.publishing.memory import MemoryPublisher


class InMemory:
    def __init__(self) -> None:
        self.publisher = MemoryPublisher()

    async def records(self) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {}
        for partition, value in self.publisher.records:
            found.setdefault(partition, []).append(value)
        return found


class TestMemoryPublisher(PublisherSuite):
    @pytest.fixture
    def publishing(self) -> InMemory:
        return InMemory()

    async def test_while_away_it_keeps_nothing_and_says_so(self, publishing: InMemory):
        publishing.publisher.away = True
        assert not publishing.publisher.ready
        with pytest.raises(Retry):
            await publishing.publisher.publish(0, b"a")
        assert not publishing.publisher.records
