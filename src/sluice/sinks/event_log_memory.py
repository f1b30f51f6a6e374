"""The event log's twin in memory, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.errors import Retry
from sluice.sinks.event_log import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.processed import Processed
    from sluice.sinks.block import Block


class MemoryEventLog:
    """Keeps blocks in a list, and drops one whose token it has seen, as ClickHouse does.

    `fed` stands for the roll-ups: the lines of each block that was passed on to them.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.fed: list[Processed] = []
        self._tokens: set[str] = set()
        self._fed_blocks: set[tuple[str, int, int]] = set()

    async def check(self) -> None:
        """Memory can always be asked."""

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        """Give the mark of a partition."""
        marks = [
            Mark(result.offset, block.first)
            for block in self.blocks
            for result in block.results
            if (block.topic_id, block.partition) == (topic_id, partition) and result.offset >= at_least
        ]
        return max(marks, key=lambda mark: mark.offset, default=None)

    async def insert(self, block: Block, token: str) -> None:
        """Append a block unless its token was seen."""
        if token not in self._tokens:
            self._tokens.add(token)
            self.blocks.append(block)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        """Add a block's lines to `fed` unless they are there."""
        key = (topic_id, partition, mark.block_first)
        fed = [block for block in self.blocks if (block.topic_id, block.partition, block.first) == key]
        if not fed:
            raise Retry(f"memory does not hold raw offset {mark.offset}, which was given as its mark")
        if key not in self._fed_blocks:
            self._fed_blocks.add(key)
            self.fed += [line for block in fed for line in block.lines]

    async def trial(self, lines: Sequence[Processed]) -> None:
        """Memory takes any row."""
