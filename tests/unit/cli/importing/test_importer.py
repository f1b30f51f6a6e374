"""Every row is saved, refused or left to the next import, and is counted once."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.cli.importing.stand_in import DROP, StandIn

from sluice.cli.importing import csv_rows
from sluice.cli.importing import importer as module
from sluice.cli.importing.importer import Importer, Plan, Tally
from sluice.cli.importing.ndjson_rows import rows
from sluice.cli.importing.rows import Lines
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sluice.cli.importing.rows import BadRow, Row


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.01)


def file_of(*users: Any) -> Iterator[Row | BadRow]:
    text = "\n".join(user if isinstance(user, str) else json.dumps(user) for user in users)
    return rows(Lines(io.BytesIO(text.encode())))


def numbered(count: int) -> list[dict[str, str]]:
    return [{"_id": f"{number}"} for number in range(count)]


class Import:
    """One import, what it refused, and how often it told of its progress."""

    def __init__(self, url: str, **changes: Any) -> None:
        fields: dict[str, Any] = {"key": "a key", "run": "import1", "concurrency": 4, "give_up_s": 5.0}
        self.rejected: list[BadRow] = []
        self.reports = 0
        self.importer = Importer(Plan(url=url, **(fields | changes)), self.rejected.append, self._report)

    def _report(self, tally: Tally) -> None:
        del tally
        self.reports += 1

    async def run(self, *users: Any) -> Tally:
        return await self.importer.run(file_of(*users))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_each_row_is_sent_once_with_the_key():
    gateway = StandIn()
    async with gateway.serving() as url:
        tally = await Import(url).run(*numbered(50))
    assert tally == Tally(saved=50, done_up_to=50)
    assert sorted(int(user["_id"]) for user in gateway.requests) == list(range(50))
    assert {headers["Authorization"] for headers in gateway.headers} == {"Bearer a key"}
    assert len({headers["Idempotency-Key"] for headers in gateway.headers}) == 50


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_so_many_are_sent_at_once_and_no_more(concurrency: int):
    gateway = StandIn()
    gateway.gate.clear()
    async with gateway.serving() as url:
        running = asyncio.create_task(Import(url, concurrency=concurrency).run(*numbered(20)))
        await until(lambda: gateway.at_once == concurrency)
        gateway.gate.set()
        await running
    assert gateway.most_at_once == concurrency


async def test_rows_of_the_same_user_are_saved_in_the_order_of_the_file():
    versions = [{"_id": "1", "email": "a@example.com", "n": 0}]
    versions += [{"_id": "1", "n": number} for number in range(1, 10)]
    versions += [{"email": "A@example.com", "n": number} for number in range(10, 20)]
    gateway = StandIn(503, 200, DROP, 429)
    async with gateway.serving() as url:
        tally = await Import(url).run(*versions)
    assert tally.saved == 20
    saved = [user["n"] for user in gateway.saved]
    assert [number for number in saved if number < 10] == list(range(10))
    assert [number for number in saved if number >= 10] == list(range(10, 20))
    assert saved.index(0) < saved.index(10)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, DROP])
async def test_what_may_pass_later_is_sent_again_under_the_same_idempotency_key(status: int):
    gateway = StandIn(status, status)
    async with gateway.serving() as url:
        tally = await Import(url).run({"_id": "1"})
    assert tally == Tally(saved=1, retries=2, done_up_to=1)
    assert len({headers["Idempotency-Key"] for headers in gateway.headers}) == 1


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_a_user_who_is_refused_is_reported_with_the_gateways_words_and_the_others_are_saved(status: int):
    gateway = StandIn()
    async with gateway.serving() as url:
        running = Import(url)
        tally = await running.run({"_id": "1"}, {"_id": "2", "status": status}, {"_id": "3"})
    assert tally == Tally(saved=2, rejected=1, done_up_to=3)
    (bad,) = running.rejected
    assert (bad.line, bad.why) == (2, f"{status}, Invalid user information: in words")
    assert json.loads(bad.user or b"") == {"_id": "2", "status": status}


async def test_a_bad_row_is_reported_and_not_sent():
    gateway = StandIn()
    async with gateway.serving() as url:
        running = Import(url)
        tally = await running.run({"_id": "1"}, "not JSON", {"plan": "gold"})
    assert tally == Tally(saved=1, rejected=2, done_up_to=3)
    assert [bad.line for bad in running.rejected] == [2, 3]
    assert len(gateway.requests) == 1
    assert running.reports == 3


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301])
async def test_what_every_user_would_be_answered_stops_the_import(status: int):
    gateway = StandIn(*[status] * 100)
    async with gateway.serving() as url:
        running = Import(url)
        tally = await running.run(*numbered(100))
    assert tally.stopped == f"the gateway takes no users: {status}, Invalid user information: in words"
    assert (tally.saved, tally.rejected, tally.done_up_to) == (0, 0, 0)
    assert not running.rejected
    assert len(gateway.requests) <= 8


async def test_a_gateway_that_stays_away_stops_the_import_and_says_how_far_it_came():
    gateway = StandIn()
    async with gateway.serving() as url:
        running = Import(url, give_up_s=0.05, concurrency=1)
        tally = await running.run({"_id": "1"}, {"_id": "2"}, {"_id": "3", "status": 503}, {"_id": "4"})
    assert tally.stopped.startswith("the gateway could not take line 3 for 0.05 s: 503, ")
    assert (tally.saved, tally.done_up_to) == (2, 2)
    assert tally.retries > 1


async def test_without_a_connection_it_tries_again_until_it_gives_up():
    tally = await Import("http://127.0.0.1:1", give_up_s=0.05).run(*numbered(10))
    assert "no connection" in tally.stopped
    assert (tally.saved, tally.done_up_to) == (0, 0)


async def test_when_it_is_stopped_what_is_under_way_ends_and_nothing_more_begins():
    gateway = StandIn()
    gateway.gate.clear()
    async with gateway.serving() as url:
        running = Import(url)
        task = asyncio.create_task(running.run(*numbered(100)))
        await until(lambda: gateway.at_once == 4)
        running.importer.stop("interrupted")
        gateway.gate.set()
        tally = await task
    assert tally == Tally(saved=4, done_up_to=4, stopped="interrupted")


async def test_when_it_is_stopped_nobody_waits_for_a_gateway_that_is_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 3600)
    gateway = StandIn(*[503] * 4)
    async with gateway.serving() as url:
        running = Import(url)
        task = asyncio.create_task(running.run(*numbered(100)))
        await until(lambda: running.importer.tally.retries == 4)
        running.importer.stop("interrupted")
        async with asyncio.timeout(10):
            tally = await task
    assert tally == Tally(saved=0, retries=4, done_up_to=0, stopped="interrupted")


async def test_a_file_of_nobody_is_done_at_once():
    assert await Import("http://127.0.0.1:1").run() == Tally()


async def test_what_is_wrong_with_the_file_is_said_as_it_is():
    empty = csv_rows.rows(Lines(io.BytesIO(b"")))
    with pytest.raises(Unusable, match="the file is empty"):
        await Import("http://127.0.0.1:1").importer.run(empty)
