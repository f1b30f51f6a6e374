"""The event log: the table that holds every accepted event, and is its own ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.processed import Processed
    from sluice.sinks.block import Block


@dataclass(frozen=True)
class Mark:
    """How far a partition is stored: its highest source offset, and the first one of the block that brought it."""

    offset: int
    block_first: int


TOKENS = 10
"""So many tokens are tried for a block; ClickHouse has to be killed at the worst moment for each that is lost."""


class Trial(Protocol):
    """What takes the same rows as the event log, and keeps none."""

    async def trial(self, lines: Sequence[Processed]) -> None:
        """Return if these rows pass.

        Raises `Reject` with ClickHouse's words where they do not, and `Retry` when it is unknown.
        """
        ...


class EventLog(Trial, Protocol):
    """A port with two adapters: ClickHouse, and memory for tests; one conformance suite runs on both."""

    async def check(self) -> None:
        """Return if the table can be asked. Raises `Retry` otherwise."""
        ...

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        """Give the mark of a partition of the raw topic with that id; None where it has no row from `at_least` on.

        The higher `at_least`, the quicker the answer: only what may hold such source offsets is read.
        Raises `Retry` while the table cannot be asked.
        """
        ...

    async def insert(self, block: Block, token: str) -> None:
        """Append a block as one, unless a block with the same token was appended before; nothing tells which.

        Raises `Retry` when it is unknown whether the block was appended, and `Reject` when it was not, and may never
        be for what one of its rows holds.
        """
        ...

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        """Pass the block that brought a mark on to the roll-ups, from the table itself.

        Each roll-up counts it once, however often it is passed on, also where a call broke off between two of them.
        When it returns, all have it. Raises `Retry` when that is unknown, or where the table does not hold the block.
        """
        ...
