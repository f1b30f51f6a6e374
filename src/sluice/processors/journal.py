"""The journal: where a partition's decisions, its state and how far it is decided are committed, all or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.processors.state import Entry, State


class Marker(msgspec.Struct, frozen=True):
    """How far a partition is decided: up to and with `offset` of the raw topic that has Kafka's id `topic_id`."""

    topic_id: str
    offset: int


class Opened(NamedTuple):
    """A partition that was taken over: its marker, None where nothing of it was ever decided, and its state.

    The state always shows what was committed last, until the partition is closed.
    """

    marker: Marker | None
    state: State


class Journal(Protocol):
    """A port with two adapters: Kafka, and memory for tests; one conformance suite runs on both."""

    async def open(self, partition: int) -> Opened:
        """Take a partition over.

        From here on, a commit by whoever had the partition open before raises `Fenced` there and shows nowhere.
        Raises `Retry` while the journal cannot be reached, and `Unusable` where it refuses for what only a person can
        mend.
        """
        ...

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        """Write a partition's output records, changes of its state and its marker as one: all of it or nothing.

        `changes` holds the new entry of each key, or None for one that is forgotten.

        Raises `Fenced` when another has opened the partition since, and `Retry` when it is unknown whether the
        commit took place: `open` the partition again, and its marker tells. `Unusable` is raised where the
        journal refuses for what only a person can mend; the partition has to be opened again likewise.
        """
        ...

    async def close(self, partition: int) -> None:
        """Give the partition up; what was committed stays."""
        ...
