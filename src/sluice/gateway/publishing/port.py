"""The port to a topic; the gateway has one to `events.raw`."""

from __future__ import annotations

from typing import Protocol


class Publisher(Protocol):
    """Puts one record on one partition of its topic."""

    @property
    def ready(self) -> bool:
        """Whether a record could be published now, as far as is known."""

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        """Return the record's offset once it is durable: acknowledged by all in-sync replicas.

        The offset is -1 where the broker had the record already and does not say where.

        Raises `Retry` when that did not happen in time. The record may still have been written: whoever sends it
        again must be ready to see it twice.
        """
