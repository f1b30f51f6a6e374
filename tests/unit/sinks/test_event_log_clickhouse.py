"""What the event log asks of a ClickHouse with replicas, and of one without."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from clickhouse_connect.driver.exceptions import StreamFailureError
from tests.factories import NOW, TOPIC, processed_line

from sluice.contract.errors import Retry
from sluice.sinks import feed
from sluice.sinks.block import Block, RawResult
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import REPLICATED_INSERT, REPLICATED_READ, ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

MARK = Mark(0, 0)


@dataclass
class ScriptedClient:
    """Answers as a ClickHouse whose event_log has this engine, with one roll-up; keeps the settings of each call."""

    engine: str
    settings: list[Mapping[str, Any]] = field(default_factory=list)
    mark: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 1)])
    fed: list[list[tuple[str, int]]] = field(default_factory=lambda: [[("users", 0)], [("users", 1)]])
    """The answers to where the roll-up has been fed to, one after the other."""
    rollups: list[tuple[list[str]]] = field(default_factory=lambda: [(["users"],)])
    tokens: list[Any] = field(default_factory=list)
    """The tokens of what was fed."""
    met: bool = False
    """Whether two inserts were there at once."""
    _meeting: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=0.2))

    def query(self, sql: str, parameters: object = None, settings: Mapping[str, Any] | None = None) -> object:
        if sql == feed.ROLLUPS:
            return SimpleNamespace(result_rows=self.rollups)
        if sql == feed.COLUMNS:
            return SimpleNamespace(result_rows=[("project", "String")])
        if "system.tables" in sql:
            return SimpleNamespace(result_rows=[(self.engine,)])
        self.settings.append(settings or {})
        if "max(fed)" in sql:
            return SimpleNamespace(result_rows=self.fed.pop(0))
        return SimpleNamespace(result_rows=self.mark)

    def raw_insert(self, table: str, columns: object, rows: bytes, settings: Mapping[str, Any], *_: object) -> None:
        self.settings.append(settings)
        with suppress(threading.BrokenBarrierError):
            self._meeting.wait()
            self.met = True

    def command(self, sql: str, parameters: object, settings: Mapping[str, Any]) -> None:
        self.settings.append(settings)
        self.tokens.append(settings["insert_deduplication_token"])


class ScriptedEventLog(ClickHouseEventLog):
    """The event log over a scripted client."""

    def __init__(self, client: ScriptedClient) -> None:
        super().__init__("http://unused")
        self._scripted: Any = client

    def _client(self) -> Any:
        return self._scripted


def block(offset: int) -> Block:
    return Block([RawResult(TOPIC, 0, offset, NOW, [processed_line(offset)], 100)])


async def asked(client: ScriptedClient) -> list[Mapping[str, Any]]:
    """Give the settings of an insert, a mark, and a feed between two questions."""
    event_log = ScriptedEventLog(client)
    await event_log.check()
    await event_log.insert(block(0), "token")
    await event_log.mark(TOPIC, 0)
    await event_log.feed(TOPIC, 0, MARK)
    return client.settings


@pytest.mark.parametrize("engine", ["ReplicatedMergeTree", "SharedMergeTree"])
async def test_with_replicas_an_insert_waits_for_most_and_a_read_asks_one_that_has_all(engine: str):
    insert, mark, before, fed, after = await asked(ScriptedClient(engine))
    assert insert.items() >= REPLICATED_INSERT.items()
    for question in (mark, before, after):
        assert question.items() >= REPLICATED_READ.items()
    assert fed.items() >= (REPLICATED_INSERT | REPLICATED_READ).items()


async def test_without_replicas_nothing_of_the_kind_is_asked():
    for settings in await asked(ScriptedClient("MergeTree")):
        assert not settings.keys() & (REPLICATED_INSERT | REPLICATED_READ).keys()


async def test_a_mark_whose_answer_breaks_off_within_its_headers_is_asked_for_again():
    """The client takes such an answer for one without rows, which this question never has."""
    with pytest.raises(Retry, match="broke its answer off"):
        await ScriptedEventLog(ScriptedClient("MergeTree", mark=[])).mark(TOPIC, 0)


@pytest.mark.parametrize(
    "ask",
    [lambda log: log.check(), lambda log: log.mark(TOPIC, 0), lambda log: log.feed(TOPIC, 0, MARK)],
    ids=["check", "mark", "feed"],
)
async def test_an_answer_that_breaks_off_while_it_is_read_is_asked_for_again(
    ask: Callable[[ClickHouseEventLog], Awaitable[object]],
):
    class BreaksOff:
        @property
        def result_rows(self) -> object:
            raise StreamFailureError("connection closed by server")

    class Client(ScriptedClient):
        def query(self, *_: object) -> object:
            return BreaksOff()

    with pytest.raises(Retry, match="connection closed by server"):
        await ask(ScriptedEventLog(Client("MergeTree")))


async def test_a_block_that_cannot_be_fed_because_the_schema_is_older_says_what_to_do():
    client = ScriptedClient("MergeTree", rollups=[([],)])
    with pytest.raises(Retry, match="no roll-ups: run sluice migrate"):
        await ScriptedEventLog(client).feed(TOPIC, 0, MARK)
    assert client.tokens == []


async def test_with_replicas_inserts_take_turns():
    client = ScriptedClient("ReplicatedMergeTree")
    event_log = ScriptedEventLog(client)
    await event_log.check()
    await asyncio.gather(*(event_log.insert(block(offset), str(offset)) for offset in range(4)))
    assert len(client.settings) == 4
    assert not client.met


async def test_what_is_inserted_carries_its_token():
    insert, *_ = await asked(ScriptedClient("MergeTree"))
    assert insert["insert_deduplication_token"] == "token"


BLOCK = f"{TOPIC}/0/5"


@pytest.mark.parametrize(
    ("next_offsets", "tokens"),
    [
        ([8], []),
        ([9], []),
        ([5, 8], [BLOCK]),
        ([0, 0, 8], [BLOCK, f"{BLOCK}~1"]),
        ([0] * 10 + [8], [BLOCK] + [f"{BLOCK}~{attempt}" for attempt in range(1, 10)]),
    ],
)
async def test_a_block_is_fed_with_one_token_after_the_other_until_the_roll_up_has_it(
    next_offsets: list[int], tokens: list[str]
):
    client = ScriptedClient("MergeTree", fed=[[("users", next_offset)] for next_offset in next_offsets])
    await ScriptedEventLog(client).feed(TOPIC, 0, Mark(7, 5))
    assert client.tokens == tokens
    assert client.fed == []


async def test_a_roll_up_that_does_not_have_a_block_after_ten_tokens_is_told_of():
    client = ScriptedClient("MergeTree", fed=[[("users", 0)]] * 11)
    with pytest.raises(Retry, match="that the roll-ups users took the block from raw offset 5 on"):
        await ScriptedEventLog(client).feed(TOPIC, 0, Mark(7, 5))
    assert len(client.tokens) == 10


async def test_a_block_that_does_not_reach_up_to_its_mark_is_not_fed_again():
    client = ScriptedClient("MergeTree", mark=[(0, 0, 0)], fed=[[("users", 0)], [("users", 7)]])
    with pytest.raises(Retry, match="event_log does not hold raw offset 7, which was given as its mark"):
        await ScriptedEventLog(client).feed(TOPIC, 0, Mark(7, 5))
    assert client.tokens == [BLOCK]


async def test_a_question_about_the_roll_ups_whose_answer_breaks_off_is_asked_again_and_not_taken_for_fed():
    for broken_off in (ScriptedClient("MergeTree", fed=[[]]), ScriptedClient("MergeTree", rollups=[])):
        with pytest.raises(Retry, match="broke its answer off"):
            await ScriptedEventLog(broken_off).feed(TOPIC, 0, MARK)
        assert broken_off.tokens == []
