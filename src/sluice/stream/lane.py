"""The ports between whoever hands over a partition's records and whoever knows what to do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Record:
    """One record of a topic; `timestamp` is in milliseconds since 1970 in UTC."""

    partition: int
    offset: int
    timestamp: int
    value: bytes


@dataclass(frozen=True)
class Progress:
    """What a lane did with the records it was given.

    The first `done` of them need not be seen again. `seek_to`, where it is given, is the offset that has to come
    next: the records after the done ones were not looked at. `pause_s` is how long to leave the partition alone
    before that, in seconds; its neighbours go on meanwhile.
    """

    done: int
    seek_to: int | None = None
    pause_s: float = 0.0


class Lane(Protocol):
    """Handles the records of one partition while it is owned."""

    async def open(self) -> int | None:
        """Take the partition over.

        Gives the offset that has to come next where the lane knows it; None leaves it to the group's committed one.
        Raises `Retry` while a neighbour is away.
        """
        ...

    async def process(self, records: Sequence[Record]) -> Progress:
        """Handle records, which come in the order of their offsets.

        Raises `Retry` when a neighbour went away: after a while the lane is opened again and gets the records again.
        Raises `Fenced` when another has taken the partition over.
        """
        ...

    async def close(self) -> None:
        """Give the partition up."""
        ...


class RawLog(Protocol):
    """What a lane has to know of `events.raw` beside the records that it is handed."""

    async def topic_id(self) -> str:
        """Give Kafka's id of the topic. Raises `Retry` while Kafka cannot be asked."""
        ...

    async def range_of(self, partition: int) -> range:
        """Give the offsets that the partition holds now, up to the next one. Raises `Retry` likewise."""
        ...
