"""What the sinks' half of the promise rests on, each broken on purpose behind the port."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import clickhouse_connect

from sluice.sinks import feed
from sluice.sinks.block import token
from sluice.sinks.event_log import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.contract.processed import Processed
    from sluice.sinks.block import Block
    from sluice.sinks.event_log_clickhouse import ClickHouseEventLog


class PassedOn:
    """An event log that passes everything on to another: what a mutant does not break is as it is."""

    def __init__(self, inner: ClickHouseEventLog) -> None:
        self.inner = inner

    async def check(self) -> None:
        await self.inner.check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        return await self.inner.mark(topic_id, partition, at_least)

    async def insert(self, block: Block, token: str) -> None:
        await self.inner.insert(block, token)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        await self.inner.feed(topic_id, partition, mark)

    async def trial(self, lines: Sequence[Processed]) -> None:
        await self.inner.trial(lines)


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

    def __init__(self, inner: ClickHouseEventLog) -> None:
        super().__init__(inner)
        self._learnt: set[str] = set()

    async def check(self) -> None:
        self._learnt.clear()
        await super().check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        return await super().mark(topic_id, partition, at_least) if topic_id in self._learnt else None

    async def insert(self, block: Block, token: str) -> None:
        self._learnt.add(block.topic_id)
        await super().insert(block, token)


class NoReadBack(PassedOn):
    """Takes an insert that succeeded for one that landed."""

    def __init__(self, inner: ClickHouseEventLog) -> None:
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


class NoFeedAtOpen(PassedOn):
    """Feeds what it has inserted or lost against, but not the block that it finds when it opens."""

    def __init__(self, inner: ClickHouseEventLog) -> None:
        super().__init__(inner)
        self._has_inserted = False

    async def check(self) -> None:
        self._has_inserted = False
        await super().check()

    async def insert(self, block: Block, token: str) -> None:
        self._has_inserted = True
        await super().insert(block, token)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        if self._has_inserted:
            await super().feed(topic_id, partition, mark)


class FeedsItsOwnOnly(PassedOn):
    """Feeds no block that another has inserted, unless it finds it when it opens."""

    def __init__(self, inner: ClickHouseEventLog) -> None:
        super().__init__(inner)
        self._inserted: Block | None = None

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, token)
        self._inserted = block

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        block = self._inserted
        if block is None or mark == Mark(block.last, block.first):
            await super().feed(topic_id, partition, mark)


class FeedsOtherwise(PassedOn):
    """Feeds as the true one does, but with some other settings."""

    def settings(self) -> Mapping[str, str | int]:
        """Give those settings."""
        raise NotImplementedError

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        block = {"topic_id": topic_id, "partition": partition, "first": mark.block_first, "last": mark.offset}
        of_block = {"insert_deduplication_token": token(topic_id, partition, mark.block_first)}
        with clickhouse_connect.get_client(dsn=self.inner.url, autogenerate_session_id=False) as client:
            columns = [name for (name,) in client.query(feed.COLUMNS).result_rows]
            client.command(
                feed.statement(columns), parameters=block, settings={**feed.SETTINGS, **of_block, **self.settings()}
            )


class FeedsWithoutToken(FeedsOtherwise):
    """Feeds a block as a new one each time."""

    def settings(self) -> Mapping[str, str | int]:
        return {"insert_deduplication_token": str(uuid4())}


class ViewsWithoutToken(FeedsOtherwise):
    """Feeds with the token, but the roll-ups take a block as often as it comes."""

    def settings(self) -> Mapping[str, str | int]:
        return {"deduplicate_blocks_in_dependent_materialized_views": 0}


class RollUpsOnTheTable(PassedOn):
    """Feeds nothing: materialized views on the table itself pass on what is inserted into it."""

    def __init__(self, inner: ClickHouseEventLog) -> None:
        super().__init__(inner)
        with clickhouse_connect.get_client(dsn=self.inner.url, autogenerate_session_id=False) as client:
            views = client.query(
                "SELECT name, as_select FROM system.tables "
                "WHERE database = 'sluice' AND engine = 'MaterializedView' AND name LIKE 'feed_%'"
            )
            for name, select in views.result_rows:
                rollup = name.replace("feed_", "rollup_")
                on_the_table = select.replace("sluice.feed", "sluice.event_log")
                client.command(
                    f"CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.hung_{name} TO sluice.{rollup} AS {on_the_table}"
                )

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        pass
