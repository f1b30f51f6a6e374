"""What the sinks' half of the promise rests on, each broken on purpose behind the port."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from sluice.sinks.event_log import Mark

if TYPE_CHECKING:
    from sluice.sinks.block import Block
    from sluice.sinks.event_log import EventLog


class PassedOn:
    """An event log that passes everything on to another: what a mutant does not break is as it is."""

    def __init__(self, inner: EventLog) -> None:
        self.inner = inner

    async def check(self) -> None:
        await self.inner.check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        return await self.inner.mark(topic_id, partition, at_least)

    async def insert(self, block: Block, token: str) -> None:
        await self.inner.insert(block, token)


class NoToken(PassedOn):
    """Appends whatever it is given: no two inserts have the same token."""

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, str(uuid4()))


class TokenOfTheWholeBlock(PassedOn):
    """Binds the token to what the block holds, and not to where it starts."""

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, f"{token}-{block.last}")


class NoLedger(PassedOn):
    """Takes what the group has committed for what is stored: a lane that opens learns of nothing beyond."""

    def __init__(self, inner: EventLog) -> None:
        super().__init__(inner)
        self._learnt: set[str] = set()

    async def check(self) -> None:
        self._learnt.clear()
        await super().check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        if topic_id not in self._learnt:
            self._learnt.add(topic_id)
            return None
        return await super().mark(topic_id, partition, at_least)


class NoReadBack(PassedOn):
    """Takes an insert that succeeded for one that landed."""

    def __init__(self, inner: EventLog) -> None:
        super().__init__(inner)
        self._inserted: Block | None = None

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, token)
        self._inserted = block

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        if self._inserted is None:
            return await super().mark(topic_id, partition, at_least)
        block, self._inserted = self._inserted, None
        return Mark(block.last, block.first)
