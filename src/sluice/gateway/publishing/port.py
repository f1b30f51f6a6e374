"""The port to `events.raw`."""

from __future__ import annotations

from typing import Protocol


class Publisher(Protocol):
    """Puts one record's value on one partition of `events.raw`."""

    @property
    def ready(self) -> bool:
        """Whether a record could be published now, as far as is known."""

    async def publish(self, partition: int, value: bytes) -> None:
        """Return once the record is durable: acknowledged by all in-sync replicas.

        Raises `Retry` when that did not happen in time. The record may still have been written: whoever sends it
        again must be ready to see it twice.
        """
