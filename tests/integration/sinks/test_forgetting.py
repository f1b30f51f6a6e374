"""Who is forgotten while sinks feed the roll-ups: what they bring is waited for, not lost and not doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest
from tests.factories import NOW, processed_line

from sluice.cli.forgetting.arrival import PERSONAL, Rollups, passed_on
from sluice.cli.forgetting.blanking import Blanking, blank
from sluice.cli.forgetting.entries import Entry, sessions_blanked
from sluice.cli.forgetting.register import Register
from sluice.cli.forgetting.traces import Traces
from sluice.cli.forgetting.users import Users
from sluice.cli.reading.clickhouse import ClickHouse
from sluice.contract.errors import Retry
from sluice.contract.processed import UserChange
from sluice.sinks.block import Block, RawResult
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.integration.sinks.conftest import OwnClickHouse

VISITOR = 4711
OTHER = 17


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


class Steadily(ClickHouse):
    """Does something after each statement that changes something; `changes` are their first words"""

    def __init__(self, url: str, something: Callable[[], Awaitable[None]]) -> None:
        super().__init__(url)
        self._something = something
        self.changes: list[str] = []

    async def change(self, sql: str, **parameters: Any) -> None:
        await super().change(sql, **parameters)
        self.changes.append(sql.split()[0])
        await self._something()


class LeavingOut(ClickHouse):
    """Leaves out what was put in before, also by a question that is not sorted, wherever a statement lets it."""

    async def change(self, sql: str, **parameters: Any) -> None:
        strictly = ", deduplicate_insert_select = 'enable_even_for_bad_queries'"
        await super().change(sql.rstrip() + strictly * sql.strip().startswith("INSERT"), **parameters)


class Feeding:
    """Blocks of one line each, in which one visitor gets an attribute more; `forget` takes the visitor out.

    Each line is a page of the same session.
    """

    def __init__(self, clickhouse: OwnClickHouse) -> None:
        self._clickhouse = clickhouse
        self._event_log = ClickHouseEventLog(clickhouse.url)
        self.topic = str(uuid4())
        self.project = f"project of {self.topic}"

    async def store(self, offset: int, **event_changes: Any) -> None:
        line = processed_line(
            offset, topic=self.topic, project=self.project, user_change=UserChange(set={f"at_{offset}": "1"})
        )
        seen: dict[str, Any] = {"session_id": "s", "url": f"https://x/{offset}", "timestamp": NOW + offset}
        event = msgspec.structs.replace(line.event, **{"user_id": "u", "visitor_id": VISITOR} | seen | event_changes)
        block = Block([RawResult(self.topic, 0, offset, NOW, [msgspec.structs.replace(line, event=event)], 100)])
        await self._event_log.insert(block, block.token(0))

    async def feed(self, offset: int) -> None:
        await self._event_log.feed(self.topic, 0, Mark(offset, offset))

    async def store_and_feed(self, offset: int, **event_changes: Any) -> None:
        await self.store(offset, **event_changes)
        await self.feed(offset)

    async def forget(self, clickhouse: ClickHouse | None = None) -> None:
        await self.blanking(clickhouse).users([self.entry()])

    def entry(self, visitor: int = VISITOR) -> Entry:
        return Entry(self.project, NOW + 1, visitor)

    async def forget_pages(self, visitor: int, clickhouse: ClickHouse | None = None) -> None:
        """Take out the pages that a visitor has seen, wherever the roll-up has sessions of this project."""
        keys = self._clickhouse.query(
            "SELECT DISTINCT session_key FROM sluice.rollup_sessions WHERE project = {project:String}",
            project=self.project,
        )
        await self.blanking(clickhouse).sessions([self.entry(visitor)], {key for (key,) in keys})

    async def blank(self, clickhouse: ClickHouse | None = None, *, fed: bool = True) -> int:
        """Blank all that is there of the visitor, as a command does; `fed` says that sinks have passed on all."""

        async def passed_on() -> bool:
            return fed

        asked = clickhouse or ClickHouse(self._clickhouse.url)
        return await blank(self.blanking(asked), Register(asked), [self.entry()], passed_on)

    def blanking(self, clickhouse: ClickHouse | None = None) -> Blanking:
        asked = clickhouse or ClickHouse(self._clickhouse.url)
        return Blanking(asked, Register(asked), told=print)

    def session(self) -> list[tuple[Any, ...]]:
        """Give how many events the session has, its first and its last page."""
        return self._clickhouse.query(
            "SELECT events, entry_url, exit_url FROM sluice.sessions WHERE project = {project:String}",
            project=self.project,
        )

    def readable(self) -> int:
        [(rows,)] = self._clickhouse.query(
            "SELECT countIf(payload != '') FROM sluice.event_log WHERE project = {project:String}",
            project=self.project,
        )
        return int(rows)

    async def marks(self, at_least: int = 0) -> Mapping[int, int]:
        return await Rollups(ClickHouse(self._clickhouse.url), self.topic).marks(at_least)

    def forget_marker(self, rollup: str) -> None:
        self._clickhouse.command(
            f"ALTER TABLE sluice.rollup_{rollup} DELETE WHERE project = '{self.topic}' SETTINGS mutations_sync = 2"
        )

    def user(self) -> list[tuple[Any, ...]]:
        """Give how many changes are added up, and the attributes that the user has."""
        return self._clickhouse.query(
            "SELECT (SELECT sum(rows) FROM sluice.rollup_users WHERE project = {project:String}),"
            " mapKeys(attributes) FROM sluice.users WHERE project = {project:String}",
            project=self.project,
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


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["ALTER TABLE sluice.rollup_users DELETE", "INSERT INTO sluice.rollup_users"])
async def test_two_commands_at_once_add_changes_up_once(
    feeding: Feeding, clickhouse: OwnClickHouse, moment: str, step: str
):
    await feeding.store_and_feed(0)
    await feeding.forget(Between(clickhouse.url, moment, step, feeding.forget))
    assert feeding.user() == [(1, ["at_0"])]


async def test_what_was_put_back_before_is_put_back_again(feeding: Feeding, clickhouse: OwnClickHouse):
    await feeding.store_and_feed(0)
    users = Users(LeavingOut(clickhouse.url))
    markers = await users.markers()
    for times in range(2, 4):
        await users.put_back([VISITOR], markers)
        assert feeding.user() == [(times, ["at_0"])]


async def test_pages_that_were_put_back_before_are_put_back_again(feeding: Feeding, clickhouse: OwnClickHouse):
    await feeding.store_and_feed(0)
    for _ in range(2):
        clickhouse.command(sessions_blanked(f"project = '{feeding.project}'") + " SETTINGS mutations_sync = 2")
        assert feeding.session() == [(1, "", "")]
        await feeding.forget_pages(OTHER, LeavingOut(clickhouse.url))
        assert feeding.session() == [(1, "https://x/0", "https://x/0")]


async def test_a_session_of_others_that_waits_to_be_fed_is_left_alone(feeding: Feeding, clickhouse: OwnClickHouse):
    await feeding.store_and_feed(0)
    await feeding.store(1)
    watched = Steadily(clickhouse.url, feeding_nothing)
    await feeding.forget_pages(OTHER, watched)
    assert watched.changes == []
    await feeding.feed(1)
    assert feeding.session() == [(2, "https://x/0", "https://x/1")]


async def feeding_nothing() -> None:
    pass


async def test_pages_that_wait_to_be_fed_are_not_put_back_before(feeding: Feeding, clickhouse: OwnClickHouse):
    await feeding.store_and_feed(0, visitor_id=OTHER)
    await feeding.store(1)
    watched = Steadily(clickhouse.url, feeding_nothing)
    await feeding.forget_pages(OTHER, watched)
    assert watched.changes == ["ALTER", "INSERT"]
    assert feeding.session() == [(1, "", "")]
    await feeding.feed(1)
    assert feeding.session() == [(2, "https://x/1", "https://x/1")]


async def test_pages_of_a_session_that_goes_on_and_on_are_mended_once(feeding: Feeding, clickhouse: OwnClickHouse):
    await feeding.store_and_feed(0, visitor_id=OTHER)
    await feeding.store(1)
    waiting = 1

    async def go_on() -> None:
        nonlocal waiting
        await feeding.feed(waiting)
        waiting += 1
        await feeding.store(waiting)

    steadily = Steadily(clickhouse.url, go_on)
    await feeding.forget_pages(OTHER, steadily)
    assert steadily.changes == ["ALTER", "INSERT"]
    assert feeding.session() == [(3, "https://x/1", "https://x/2")]


async def test_a_change_that_touches_no_row_is_done(feeding: Feeding, clickhouse: OwnClickHouse):
    """ClickHouse tells of it as well, also where there is no part at all."""
    clickhouse.command("CREATE TABLE sluice.empty (a UInt8) ENGINE = MergeTree ORDER BY a")
    for _ in range(2):
        clickhouse.command("ALTER TABLE sluice.empty DELETE WHERE a = 1")
    assert clickhouse.query("SELECT count() FROM system.mutations WHERE table = 'empty' AND is_done") == [(2,)]


REBUILT = (
    "CREATE TABLE sluice.rollup_users_anew_00aa00aa AS sluice.rollup_users",
    "INSERT INTO sluice.rollup_users_anew_00aa00aa SELECT * FROM sluice.rollup_users",
    "EXCHANGE TABLES sluice.rollup_users AND sluice.rollup_users_anew_00aa00aa",
    "DROP TABLE sluice.rollup_users_anew_00aa00aa SYNC",
)


@pytest.mark.parametrize("step", ["ALTER TABLE sluice.event_log UPDATE", "ALTER TABLE sluice.rollup_users DELETE"])
async def test_roll_ups_that_were_made_anew_meanwhile_are_told_of(
    feeding: Feeding, clickhouse: OwnClickHouse, step: str
):
    async def rebuild() -> None:
        for statement in REBUILT:
            clickhouse.command(statement)

    await feeding.store_and_feed(0)
    with pytest.raises(Retry, match="made anew meanwhile"):
        await feeding.blank(Between(clickhouse.url, "before", step, rebuild))
    await feeding.blank()
    assert (feeding.readable(), feeding.user(), feeding.session()) == (0, [], [(1, "", "")])


async def test_nobody_is_blanked_while_roll_ups_are_made_anew(feeding: Feeding, clickhouse: OwnClickHouse):
    await feeding.store_and_feed(0)
    clickhouse.command(REBUILT[0])
    try:
        with pytest.raises(Retry, match="sluice rollups rebuild"):
            await feeding.blank()
    finally:
        clickhouse.command(REBUILT[-1])
    assert feeding.readable() == 1


async def test_what_is_not_passed_on_is_waited_for(feeding: Feeding, clickhouse: OwnClickHouse):
    asked, held = ClickHouse(clickhouse.url), {0: range(5, 9), 1: range(3)}
    assert await passed_on(asked, feeding.topic, held, 0)
    await feeding.store(7)
    assert not await passed_on(asked, feeding.topic, held, 0)
    await feeding.feed(7)
    assert await passed_on(asked, feeding.topic, held, 0)


async def test_roll_ups_that_stay_behind_are_told_of_once_all_is_blank(feeding: Feeding):
    await feeding.store_and_feed(0)
    with pytest.raises(Retry, match="see that sinks run"):
        await feeding.blank(fed=False)
    assert (feeding.readable(), feeding.user(), feeding.session()) == (0, [], [(1, "", "")])
    assert await feeding.blank(fed=False) == 0


async def test_the_events_of_a_session_stay_together_however_many_statements_blank_them(
    feeding: Feeding, clickhouse: OwnClickHouse
):
    blanking = feeding.blanking()
    for offset, visitor in enumerate([VISITOR, OTHER]):
        await feeding.store(offset, visitor_id=visitor)
    for visitor in (VISITOR, OTHER):
        assert await blanking.events([feeding.entry(visitor)]) == 1
    named = clickhouse.query(
        "SELECT uniq(session_id), any(startsWith(session_id, 'forgotten-')) FROM sluice.event_log"
        " WHERE project = {project:String}",
        project=feeding.project,
    )
    assert named == [(1, True)]


async def test_an_address_is_found_whatever_white_space_stands_around_it(feeding: Feeding, clickhouse: OwnClickHouse):
    written = [f"{space}Ann@Example.com{space}" for space in ["", " ", "\t", "\n\r\v\f", "\x85", "\u00a0\u3000"]]
    for offset, user_id in enumerate([*written, "ann @example.com", "\u200bann@example.com"]):
        await feeding.store(offset, user_id=user_id)
    ties = await Traces(ClickHouse(clickhouse.url), feeding.project).ties(["ann@example.com"])
    assert set(map(frozenset, ties)) == {frozenset({name, "ann@example.com"}) for name in written}
