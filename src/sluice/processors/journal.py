"""The journal: where a partition's decisions and how far it is decided are committed, both or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Marker(msgspec.Struct, frozen=True):
    """How far a partition is decided: up to and with `offset` of the raw topic that has Kafka's id `topic_id`."""

    topic_id: str
    offset: int


class Journal(Protocol):
    """A port with two adapters: Kafka, and memory for tests; one conformance suite runs on both."""

    async def open(self, partition: int) -> Marker | None:
        """Take a partition over, and give its marker; None where nothing of it was ever decided.

        From here on, a commit by whoever had the partition open before raises `Fenced` there and shows nowhere.
        Raises `Retry` while the journal cannot be reached.
        """
        ...

    async def commit(self, partition: int, output: Sequence[bytes], marker: Marker) -> None:
        """Write a partition's output records and its marker as one: everybody sees all of it or nothing.

        Raises `Fenced` when another has opened the partition since, and `Retry` when it is unknown whether the
        commit took place: `open` the partition again, and its marker tells.
        """
        ...

    async def close(self, partition: int) -> None:
        """Give the partition up; what was committed stays."""
        ...
