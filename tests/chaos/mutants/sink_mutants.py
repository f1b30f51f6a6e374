"""What the sinks' half of the promise rests on, each broken on purpose behind the port."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import clickhouse_connect
from tests.chaos.mutants.token_log import ROLLUPS

from sluice.sinks import feed
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from sluice.sinks.block import Block


class TrueEventLog(ClickHouseEventLog):
    """The project's own event log, which can be held up within a feed: what a mutant does not break is as it is."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.hold_up: Callable[[], Awaitable[None]] | None = None
        """What happens between the question who lacks a block, and passing it on."""

    async def pass_on_to(self, rollup: str, topic_id: str, partition: int, mark: Mark) -> None:
        """Pass a block on to one roll-up, with the token that it gets at first."""
        await super()._pass_on(topic_id, partition, mark, [rollup], 0)

    async def _pass_on(self, topic_id: str, partition: int, mark: Mark, lacking: Sequence[str], attempt: int) -> None:
        if self.hold_up is not None:
            await self.hold_up()
        await super()._pass_on(topic_id, partition, mark, lacking, attempt)


class NoToken(TrueEventLog):
    """Appends whatever it is given: no two inserts have the same token."""

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, str(uuid4()))


class TokenOfTheWholeBlock(TrueEventLog):
    """Binds the token to what the block holds, and not to where it starts."""

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, f"{token}-{block.last}")


class NoLedger(TrueEventLog):
    """Takes what the group has committed for what is stored: a lane that opens learns of nothing beyond."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._learnt: set[str] = set()

    async def check(self) -> None:
        self._learnt.clear()
        await super().check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        return await super().mark(topic_id, partition, at_least) if topic_id in self._learnt else None

    async def insert(self, block: Block, token: str) -> None:
        self._learnt.add(block.topic_id)
        await super().insert(block, token)


class NoReadBack(TrueEventLog):
    """Takes an insert that succeeded for one that landed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._inserted: Block | None = None

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, token)
        self._inserted = block

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        if self._inserted is None:
            return await super().mark(topic_id, partition, at_least)
        block, self._inserted = self._inserted, None
        return Mark(block.last, block.first)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        """Feed what has landed, whoever's it is: a feed of what the table does not hold would be noticed."""
        landed = await super().mark(topic_id, partition)
        if landed is not None:
            await super().feed(topic_id, partition, landed)


class NoFeedAtOpen(TrueEventLog):
    """Feeds what it has inserted or lost against, but not the block that it finds when it opens."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
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


class FeedsItsOwnOnly(TrueEventLog):
    """Feeds no block that another has inserted, unless it finds it when it opens."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._inserted: Block | None = None

    async def insert(self, block: Block, token: str) -> None:
        await super().insert(block, token)
        self._inserted = block

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        block = self._inserted
        if block is None or mark == Mark(block.last, block.first):
            await super().feed(topic_id, partition, mark)


class FeedsUnasked(TrueEventLog):
    """Relies on tokens, and feeds without asking first who lacks the block."""

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        await self._pass_on(topic_id, partition, mark, ROLLUPS, 0)
        await super().feed(topic_id, partition, mark)


class TakesFeedsForGranted(TrueEventLog):
    """Takes a feed that succeeded for one that landed, and does not ask afterwards."""

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        if lacking := await self._lacking(topic_id, partition, mark):
            await self._pass_on(topic_id, partition, mark, lacking, 0)


class FeedsOtherwise(TrueEventLog):
    """Feeds as the true one does, but with some other settings."""

    def settings(self) -> dict[str, str | int]:
        """Give those settings."""
        raise NotImplementedError

    @asynccontextmanager
    async def _inserting(self, settings: dict[str, str | int], token: str) -> AsyncIterator[dict[str, str | int]]:
        async with super()._inserting(settings, token) as true_ones:
            yield true_ones | self.settings() if settings is feed.SETTINGS else true_ones


class FeedsWithoutToken(FeedsOtherwise):
    """Feeds a block as a new one each time."""

    def settings(self) -> dict[str, str | int]:
        return {"insert_deduplication_token": str(uuid4())}


class ViewsWithoutToken(FeedsOtherwise):
    """Feeds with the token, but the roll-ups take a block as often as it comes."""

    def settings(self) -> dict[str, str | int]:
        return {"deduplicate_blocks_in_dependent_materialized_views": 0}


class RollUpsOnTheTable(TrueEventLog):
    """Feeds markers alone: materialized views on the table itself pass on what is inserted into it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        with clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False) as client:
            views = client.query(
                "SELECT name, as_select FROM system.tables "
                "WHERE database = 'sluice' AND engine = 'MaterializedView' AND name LIKE 'feed_%'"
            )
            for name, select in views.result_rows:
                rollup = name.removeprefix("feed_")
                on_the_table = select.replace("sluice.feed", "sluice.event_log")
                on_the_table = on_the_table.replace(f"has(lacking, '{rollup}')", "true")
                client.command(
                    f"CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.hung_{name} TO sluice.rollup_{rollup}"
                    f" AS {on_the_table}"
                )

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        block = {"topic_id": topic_id, "partition": partition, "first": mark.block_first, "last": mark.offset}
        with clickhouse_connect.get_client(dsn=self.url, autogenerate_session_id=False) as client:
            columns = {name: type_name for name, type_name in client.query(feed.COLUMNS).result_rows}  # noqa: C416
            names, rows = ", ".join(columns), feed.rows(columns, ROLLUPS, feed.BLOCK)
            client.command(
                f"INSERT INTO sluice.feed ({names}) SELECT * FROM {rows} WHERE outcome = 'fed'", parameters=block
            )
