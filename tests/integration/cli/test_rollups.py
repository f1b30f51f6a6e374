"""Roll-ups held against the event log, and made anew from it, on a real ClickHouse."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

import clickhouse_connect
import pytest
from tests.factories import NOW, TOPIC, processed_line
from tests.integration.stack import RoleProcess

from sluice.cli.reading.clickhouse import ClickHouse
from sluice.cli.rebuilding.checking import RollupTables, check
from sluice.cli.rebuilding.clickhouse import ClickHouseDatabase
from sluice.cli.rebuilding.rebuild import rebuild
from sluice.cli.rebuilding.rollup import NAMES, ROLLUPS, called
from sluice.contract.durations import DAY_MS
from sluice.contract.errors import Unusable
from sluice.contract.event import Event, Outcome
from sluice.contract.processed import UserChange
from sluice.local.kafka.port import free_port
from sluice.sinks.block import Block, RawResult
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.migrations import migrate
from sluice.sinks.schema.layout import Cluster, SingleServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clickhouse_connect.driver.client import Client

    from sluice.contract.processed import Processed

OTHER_TOPIC = str(UUID(int=7))
LAST_MONTH = NOW - 31 * DAY_MS


class Deployment:
    """A ClickHouse with the schema, and a sink that stores blocks in it."""

    def __init__(self, url: str, client: Client) -> None:
        self.url = url
        self._client = client
        self.event_log = ClickHouseEventLog(url)
        self.tables = RollupTables(ClickHouse(url), ROLLUPS)

    async def store(self, block: Block, *, fed: bool = True) -> None:
        """Insert a block, and pass it on unless told otherwise."""
        await self.event_log.insert(block, block.token(0))
        if fed:
            await self.open(block.topic_id, block.partition)

    async def open(self, topic_id: str, partition: int) -> None:
        """Do what a sink does when it starts: pass the last block on."""
        mark = await self.event_log.mark(topic_id, partition)
        assert mark is not None
        await self.event_log.feed(topic_id, partition, mark)

    async def rebuild(self, *names: str, database: Any = None, sinks: Sequence[str] = ()) -> None:
        """Make roll-ups anew."""

        async def running() -> Sequence[str]:
            return sinks

        await rebuild(database or self.database(), called(names), running, lambda rows: None)

    def database(self) -> ClickHouseDatabase:
        return ClickHouseDatabase(self.url, SingleServer())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask ClickHouse."""
        return [tuple(row) for row in self._client.query(sql).result_rows]

    def change(self, sql: str) -> None:
        """Change something behind everybody's back."""
        self._client.command(sql, settings={"mutations_sync": 2, "insert_deduplicate": 0})

    def answers(self) -> list[list[tuple[Any, ...]]]:
        """Give what analysts see, and of how many rows of each month it is made."""
        of_month = [
            f"SELECT source_month, sum(rows) FROM sluice.{one.table} WHERE fed = 0 GROUP BY ALL ORDER BY ALL"
            for one in ROLLUPS
            if one.has_months
        ]
        views = [f"SELECT * EXCEPT visitors_state FROM sluice.{name}" if name == "minutes" else
                 f"SELECT * FROM sluice.{name}" for name in NAMES]  # fmt: skip
        return [sorted(self.query(sql), key=str) for sql in [*views, *of_month]]


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("rollups")
    port = free_port()
    settings = {"SLUICE_CLICKHOUSE_PORT": str(port), "SLUICE_CLICKHOUSE_PATH": str(directory / "clickhouse")}
    process = RoleProcess("clickhouse", directory, settings)
    process.start()
    yield f"http://127.0.0.1:{port}"
    process.stop()


@pytest.fixture
def empty(clickhouse: str) -> Iterator[Deployment]:
    """A deployment into which nothing was stored yet."""
    with clickhouse_connect.get_client(dsn=clickhouse, autogenerate_session_id=False) as client:
        for (name,) in client.query("SELECT name FROM system.tables WHERE database = 'sluice'").result_rows:
            client.command(f"DROP TABLE sluice.{name} SYNC")
        migrate(clickhouse)
        yield Deployment(clickhouse, client)


@pytest.fixture
async def deployment(empty: Deployment) -> Deployment:
    """A deployment with events of two topics, two partitions and two months, all of them passed on."""
    for block in blocks():
        await empty.store(block)
    return empty


def blocks() -> list[Block]:
    """Make some blocks of each partition, with sessions, orders, users and rejected events that go across them."""
    return [
        block(OTHER_TOPIC, 0, 0, LAST_MONTH),
        block(TOPIC, 0, 0, LAST_MONTH),
        block(TOPIC, 1, 0, LAST_MONTH),
        block(TOPIC, 0, 3, NOW),
        block(TOPIC, 0, 6, NOW + 60_000),
        block(TOPIC, 1, 3, NOW),
    ]


def block(topic_id: str, partition: int, first: int, at: int, records: int = 3, lines: int = 8) -> Block:
    """Make a block of a few raw records."""
    numbers = count()
    results = []
    for offset in range(first, first + records):
        of_record = [
            line_of(next(numbers), offset, number, at, topic=topic_id, partition=partition) for number in range(lines)
        ]
        results.append(RawResult(topic_id, partition, offset, at, of_record, 100))
    return Block(results)


def month_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m")


def line_of(number: int, offset: int, line: int, at: int, **where: Any) -> Processed:
    """Make one of several kinds of lines; every other has a session and a visitor, some have values and users."""
    event = Event(
        event_id=str(UUID(int=number + 1)),
        request_id="r",
        event_type=("page_view", "confirmation", "update")[number % 3],
        timestamp=at + 1000 * number,
        received_at=at + 1000 * number,
        site_id="shop",
        user_id=f"u{number % 4}" if number % 3 == 2 else "",
        visitor_id=number % 4 + 1 if number % 2 == 0 or number % 3 == 2 else 0,
        session_id=f"s{number % 5}" if number % 2 else "",
        url=f"https://shop.example/{number}",
        value=1.1 * number if number % 3 == 1 else None,
        currency="EUR" if number % 3 == 1 else "",
    )
    outcome = Outcome.DUPLICATE if number % 7 == 6 else Outcome.STORED
    change = UserChange(email=f"{number}@example.com", set={"n": str(number)}) if number % 3 == 2 else None
    return processed_line(
        offset, line, event=event, outcome=outcome, user_change=change, source_timestamp=at, **where
    )


async def test_what_was_passed_on_block_by_block_is_what_the_event_log_adds_up_to(deployment: Deployment):
    assert (await check(deployment.tables)).is_even
    assert min(len(rows) for rows in deployment.answers()) > 1


async def test_without_events_there_is_nothing_to_differ(empty: Deployment):
    assert (await check(empty.tables)).is_even
    await empty.rebuild()
    assert (await check(empty.tables)).is_even


async def test_what_waits_in_a_last_block_is_no_difference(deployment: Deployment):
    later = block(TOPIC, 0, 9, NOW)
    await deployment.store(later, fed=False)
    found = await check(deployment.tables)
    assert (found.differences, found.not_added["minutes"]) == ([], len(later.lines))
    await deployment.open(TOPIC, 0)
    assert (await check(deployment.tables)).is_even


async def test_a_block_that_was_never_passed_on_is_missing(deployment: Deployment):
    await deployment.store(block(TOPIC, 1, 6, NOW, records=8), fed=False)
    for partition in (0, 1):
        await deployment.store(block(TOPIC, partition, 100, NOW, records=1))
    found = await check(deployment.tables)
    [minutes] = [difference for difference in found.differences if difference.rollup == "minutes"]
    assert (minutes.month, minutes.most - minutes.rows) == (202611, 64)
    assert {difference.rollup for difference in found.differences} == set(NAMES)


@pytest.mark.parametrize("rollup", ROLLUPS, ids=NAMES)
async def test_what_was_added_twice_is_too_many(deployment: Deployment, rollup: Any):
    table = f"sluice.{rollup.table}"
    deployment.change(f"INSERT INTO {table} SELECT * FROM {table} WHERE fed = 0 LIMIT 1")
    [difference] = (await check(deployment.tables)).differences
    assert difference.rollup == rollup.name
    assert difference.missing < 0


async def test_an_amount_that_was_changed_is_found_though_the_rows_agree(deployment: Deployment):
    deployment.change("ALTER TABLE sluice.rollup_minutes UPDATE amount = amount + 1 WHERE currency = 'EUR'")
    found = await check(deployment.tables)
    assert (found.differences, found.is_wrong) == ((), True)
    assert {(amount.month, amount.currency) for amount in found.amounts} == {(202610, "EUR"), (202611, "EUR")}
    await deployment.rebuild("minutes")
    assert (await check(deployment.tables)).is_even


async def test_made_anew_they_are_what_they_were(deployment: Deployment):
    before = deployment.answers()
    await deployment.rebuild()
    assert deployment.answers() == before
    assert (await check(deployment.tables)).is_even
    assert deployment.query("SELECT count() FROM system.tables WHERE name LIKE '%anew%'") == [(0,)]


async def test_made_anew_after_parts_were_merged_they_are_what_they_were(deployment: Deployment):
    before = deployment.answers()
    deployment.change("OPTIMIZE TABLE sluice.event_log FINAL")
    await deployment.rebuild()
    assert deployment.answers() == before


async def test_one_that_came_later_holds_what_was_before_it(deployment: Deployment):
    before = deployment.answers()
    for rollup in ROLLUPS:
        deployment.change(f"TRUNCATE TABLE sluice.{rollup.table}")
    await deployment.rebuild()
    assert deployment.answers() == before


async def test_one_that_is_named_is_made_anew_and_no_other(deployment: Deployment):
    before = deployment.answers()
    deployment.change("INSERT INTO sluice.rollup_sessions SELECT * FROM sluice.rollup_sessions")
    tables = dict(deployment.query("SELECT name, toString(uuid) FROM system.tables WHERE name LIKE 'rollup%'"))
    await deployment.rebuild("sessions")
    after = dict(deployment.query("SELECT name, toString(uuid) FROM system.tables WHERE name LIKE 'rollup%'"))
    assert deployment.answers() == before
    assert {name for name in tables if tables[name] != after[name]} == {"rollup_sessions"}


async def test_sinks_that_start_afterwards_add_nothing_twice_and_go_on(deployment: Deployment):
    await deployment.rebuild()
    before = deployment.answers()
    for topic_id, partition in ((TOPIC, 0), (TOPIC, 1), (OTHER_TOPIC, 0)):
        await deployment.open(topic_id, partition)
    assert deployment.answers() == before
    await deployment.store(block(TOPIC, 0, 9, NOW))
    assert (await check(deployment.tables)).is_even
    assert deployment.answers() != before


class Cut(Exception):
    """What a kill looks like to whoever comes afterwards."""


class Killed:
    """The database, until so many steps were done and one more."""

    def __init__(self, database: ClickHouseDatabase, steps: int) -> None:
        self._database = database
        self._left = steps
        self.at = ""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def step(*arguments: Any) -> Any:
            self.at = name
            done = await getattr(self._database, name)(*arguments)
            self._left -= 1
            if self._left < 0:
                raise Cut
            return done

        return step


async def test_a_rebuild_that_was_killed_after_any_step_harms_nothing(deployment: Deployment):
    before = deployment.answers()
    steps: Counter[str] = Counter()
    for number in count():
        killed = Killed(deployment.database(), number)
        try:
            await deployment.rebuild("minutes", database=killed)
        except Cut:
            steps[killed.at] += 1
        else:
            break
        for topic_id, partition in ((TOPIC, 0), (TOPIC, 1), (OTHER_TOPIC, 0)):
            await deployment.open(topic_id, partition)
        assert deployment.answers() == before, killed.at
    assert steps.keys() >= {"make", "fill", "exchange", "remove", "remove_left"}
    assert deployment.answers() == before
    assert deployment.query("SELECT count() FROM system.tables WHERE name LIKE '%anew%'") == [(0,)]


async def test_while_sinks_run_nothing_is_done(deployment: Deployment):
    before = deployment.answers()
    with pytest.raises(Unusable, match=r"sinks run on 10\.0\.0\.1, 10\.0\.0\.2: stop them first"):
        await deployment.rebuild(sinks=["10.0.0.2", "10.0.0.1", "10.0.0.1"])
    assert deployment.answers() == before


async def test_the_tables_of_one_server_are_not_made_anew_on_a_cluster(empty: Deployment):
    await ClickHouseDatabase(empty.url, SingleServer()).refuse_other_layout()
    with pytest.raises(Unusable, match="event_log is a MergeTree table, which SLUICE_CLICKHOUSE_CLUSTER contradicts"):
        await ClickHouseDatabase(empty.url, Cluster("x")).refuse_other_layout()


async def test_what_sinks_store_meanwhile_is_seen(deployment: Deployment):
    class Meanwhile(Killed):
        async def fill(self, *arguments: Any) -> None:
            await deployment.store(block(TOPIC, 0, 9, NOW))
            await self._database.fill(*arguments)

    with pytest.raises(Unusable, match="sinks have stored events meanwhile"):
        await deployment.rebuild("minutes", database=Meanwhile(deployment.database(), 1000))
    assert (await check(deployment.tables)).is_even


@pytest.mark.parametrize("days", [100, 0])
async def test_what_the_event_log_does_not_keep_is_kept_also_once_it_keeps_all(empty: Deployment, days: int):
    for first, at in ((0, NOW - 400 * DAY_MS), (3, NOW), (6, NOW)):
        await empty.store(block(TOPIC, 0, first, at))
    before = empty.answers()
    migrate(empty.url, retention_days=100)
    empty.change(f"ALTER TABLE sluice.event_log DROP PARTITION {month_of(NOW - 400 * DAY_MS)}")
    migrate(empty.url, retention_days=days)
    assert (await check(empty.tables)).is_even
    await empty.rebuild()
    assert empty.answers() == before
    assert (await check(empty.tables)).is_even


async def test_a_month_that_was_taken_from_the_event_log_alone_is_told_of_and_kept(empty: Deployment):
    for first, at in ((0, NOW - 70 * DAY_MS), (3, NOW - 35 * DAY_MS), (6, NOW)):
        await empty.store(block(TOPIC, 0, first, at))
    kept = "SELECT sum(rows) FROM sluice.rollup_minutes"
    before = empty.query(kept)
    empty.change(f"ALTER TABLE sluice.event_log DROP PARTITION {month_of(NOW - 35 * DAY_MS)}")
    for _ in range(2):
        found = await check(empty.tables)
        assert {one.rollup for one in found.differences if one.month} == {"minutes", "sessions", "visitor_days"}
        assert all(one.most == 0 for one in found.differences if one.month)
        await empty.rebuild()
        assert empty.query(kept) == before


@pytest.mark.parametrize("fed", [True, False])
async def test_a_last_block_that_may_have_expired_is_counted_once(empty: Deployment, fed: bool):
    await empty.store(block(TOPIC, 0, 0, int(time.time() * 1000) - 100 * DAY_MS + 60_000), fed=fed)
    migrate(empty.url, retention_days=100)
    await empty.rebuild()
    await empty.open(TOPIC, 0)
    assert (await check(empty.tables)).is_even
    assert empty.query("SELECT sum(rows) FROM sluice.rollup_minutes") == [(24,)]


async def test_a_last_block_that_was_not_passed_on_is_there_and_comes_no_more(deployment: Deployment):
    await deployment.store(block(TOPIC, 0, 9, NOW), fed=False)
    await deployment.rebuild("minutes")
    found = await check(deployment.tables)
    assert found.not_added.keys() == set(NAMES) - {"minutes"}
    await deployment.open(TOPIC, 0)
    assert (await check(deployment.tables)).is_even
