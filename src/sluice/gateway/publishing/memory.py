"""The publisher's twin in memory, for tests and for measuring the gateway alone."""

from __future__ import annotations

from collections import Counter

from sluice.contract.errors import Retry


class MemoryPublisher:
    """Keeps what was published in `records`, as (partition, value); with `away` set it is like a dead broker."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes]] = []
        self.away = False
        self._next_offsets: Counter[int] = Counter()

    @property
    def ready(self) -> bool:
        """Whether a record could be published now."""
        return not self.away

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        """Keep one record."""
        del key
        if self.away:
            raise Retry("Kafka is not available")
        self.records.append((partition, value))
        self._next_offsets[partition] += 1
        return self._next_offsets[partition] - 1
