"""The publisher's twin in memory, for tests and for measuring the gateway alone."""

from __future__ import annotations

from sluice.contract.errors import Retry


class MemoryPublisher:
    """Keeps what was published in `records`, as (partition, value); with `away` set it is like a dead broker."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes]] = []
        self.away = False

    @property
    def ready(self) -> bool:
        """Whether a record could be published now."""
        return not self.away

    async def publish(self, partition: int, value: bytes) -> None:
        """Keep one record."""
        if self.away:
            raise Retry("Kafka is not available")
        self.records.append((partition, value))
