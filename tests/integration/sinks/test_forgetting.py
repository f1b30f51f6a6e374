"""Who is forgotten while sinks feed the roll-ups: what they bring is waited for, not lost and not doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest
from tests.factories import NOW, processed_line

from sluice.cli.forgetting.arrival import PERSONAL, Rollups
from sluice.cli.forgetting.blanking import Blanking
from sluice.cli.forgetting.entries import Entry
from sluice.cli.forgetting.register import Register
from sluice.cli.reading.clickhouse import ClickHouse
from sluice.contract.processed import UserChange
from sluice.sinks.block import Block, RawResult
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.integration.sinks.conftest import OwnClickHouse

VISITOR = 4711


class Between(ClickHouse):
    """Does something before or after the first statement that begins like this."""

    def __init__(self, url: str, moment: str, statement: str, something: Callable[[], Awaitable[None]]) -> None:
        super().__init__(url)
        self._statement = statement
        self._something = {moment: something}

    async def change(self, sql: str, **parameters: Any) -> None:
        await self._do("before", sql)
        await super().change(sql, **parameters)
        await self._do("after", sql)

    async def _do(self, moment: str, sql: str) -> None:
        if sql.startswith(self._statement) and moment in self._something:
            await self._something.pop(moment)()


class Feeding:
    """Blocks of one line each, in which one visitor gets an attribute more; `forget` takes the visitor out."""

    def __init__(self, clickhouse: OwnClickHouse) -> None:
        self._clickhouse = clickhouse
        self._event_log = ClickHouseEventLog(clickhouse.url)
        self._topic = str(uuid4())
        self._project = f"project of {self._topic}"

    async def store(self, offset: int) -> None:
        line = processed_line(
            offset, topic=self._topic, project=self._project, user_change=UserChange(set={f"at_{offset}": "1"})
        )
        event = msgspec.structs.replace(line.event, user_id="u", visitor_id=VISITOR)
        block = Block([RawResult(self._topic, 0, offset, NOW, [msgspec.structs.replace(line, event=event)], 100)])
        await self._event_log.insert(block, block.token(0))

    async def feed(self, offset: int) -> None:
        await self._event_log.feed(self._topic, 0, Mark(offset, offset))

    async def store_and_feed(self, offset: int) -> None:
        await self.store(offset)
        await self.feed(offset)

    async def forget(self, clickhouse: ClickHouse | None = None) -> None:
        asked = clickhouse or ClickHouse(self._clickhouse.url)
        await Blanking(asked, Register(asked), told=print).users([Entry(self._project, NOW + 1, VISITOR)])

    async def marks(self, at_least: int = 0) -> Mapping[int, int]:
        return await Rollups(ClickHouse(self._clickhouse.url), self._topic).marks(at_least)

    def forget_marker(self, rollup: str) -> None:
        self._clickhouse.command(
            f"ALTER TABLE sluice.rollup_{rollup} DELETE WHERE project = '{self._topic}' SETTINGS mutations_sync = 2"
        )

    def user(self) -> list[tuple[Any, ...]]:
        """Give how many changes are added up, and the attributes that the user has."""
        return self._clickhouse.query(
            "SELECT (SELECT sum(rows) FROM sluice.rollup_users WHERE project = {project:String}),"
            " mapKeys(attributes) FROM sluice.users WHERE project = {project:String}",
            project=self._project,
        )


@pytest.fixture
def feeding(clickhouse: OwnClickHouse) -> Feeding:
    return Feeding(clickhouse)


async def test_a_block_that_waits_to_be_fed_is_added_up_once(feeding: Feeding):
    await feeding.store_and_feed(0)
    await feeding.store(1)
    await feeding.forget()
    assert feeding.user() == [(1, ["at_0"])]
    await feeding.feed(1)
    assert feeding.user() == [(2, ["at_0", "at_1"])]


async def test_a_visitor_of_whom_nothing_was_fed_yet_is_left_to_the_sinks(feeding: Feeding):
    await feeding.store(0)
    await feeding.forget()
    assert feeding.user() == []
    await feeding.feed(0)
    assert feeding.user() == [(1, ["at_0"])]


async def test_what_a_broken_off_command_has_deleted_comes_back_without_what_waits(
    feeding: Feeding, clickhouse: OwnClickHouse
):
    await feeding.store_and_feed(0)
    await feeding.store(1)
    clickhouse.command(
        f"ALTER TABLE sluice.rollup_users DELETE WHERE visitor_id = {VISITOR} SETTINGS mutations_sync = 2"
    )
    await feeding.forget()
    await feeding.feed(1)
    assert feeding.user() == [(2, ["at_0", "at_1"])]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["ALTER TABLE sluice.rollup_users DELETE", "INSERT INTO sluice.rollup_users"])
async def test_a_block_that_is_fed_around_a_step_is_added_up_once(
    feeding: Feeding, clickhouse: OwnClickHouse, moment: str, step: str
):
    await feeding.store_and_feed(0)
    await feeding.store(1)
    await feeding.forget(Between(clickhouse.url, moment, step, lambda: feeding.feed(1)))
    assert feeding.user() == [(2, ["at_0", "at_1"])]


@pytest.mark.parametrize("rollup", PERSONAL)
async def test_what_one_roll_up_was_not_fed_has_not_arrived(feeding: Feeding, rollup: str):
    await feeding.store(7)
    assert await feeding.marks() == {}
    await feeding.feed(7)
    assert (await feeding.marks(), await feeding.marks(7), await feeding.marks(8)) == ({0: 7}, {0: 7}, {})
    feeding.forget_marker(rollup)
    assert await feeding.marks() == {}
