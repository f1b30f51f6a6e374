"""Sending is honest: each event is counted once, as accepted, refused or unknown."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from aiohttp import web

from sluice.cli.send import matches, summary
from sluice.cli.sending import sender as module
from sluice.cli.sending.sender import Plan, Sender, Tally
from sluice.cli.sending.stored import Found, wait_until_stored
from sluice.cli.sending.traffic import NUMBER, Traffic
from sluice.gateway.serve import serving

NOW = 1_795_000_000_000
DROP = 0


class ScriptedGateway:
    """Answers with these statuses in turn, then with 202; `DROP` closes the connection without an answer."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.accepted: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.requests.append((request.path, dict(request.headers), body))
        status = self._statuses.pop(0) if self._statuses else 202
        if status == DROP:
            assert request.transport is not None
            request.transport.abort()
        if status == 202:
            self.accepted += body.get("events", [body])
        return web.json_response({"error": "in words"}, status=status, headers={"Retry-After": "0"})

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.router.add_post("/{rest:.*}", self.handle)
        async with serving(app, "127.0.0.1", 0) as url:
            yield url


def plan(url: str, **changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "url": url,
        "key": "a key",
        "run": "send1",
        "events": 10,
        "batch": 3,
        "rate": 0,
        "concurrency": 1,
        "idempotent": False,
        "give_up_s": 5.0,
    }
    return Plan(**(fields | changes))


async def send(gateway: ScriptedGateway, **changes: Any) -> Tally:
    async with gateway.serving() as url:
        return await send_to(url, **changes)


async def send_to(url: str, **changes: Any) -> Tally:
    return await Sender(plan(url, **changes), Traffic("send1", Random(1), lambda: NOW), lambda tally: None).run()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.01)


async def test_everything_is_sent_once_in_batches():
    gateway = ScriptedGateway()
    tally = await send(gateway)
    assert [len(body["events"]) for _, _, body in gateway.requests] == [3, 3, 3, 1]
    assert [event[NUMBER] for event in gateway.accepted] == list(range(10))
    assert (tally.accepted, tally.done, tally.retries) == (10, 10, 0)
    path, headers, _ = gateway.requests[0]
    assert (path, headers["Authorization"]) == ("/collect/batch", "Bearer a key")


async def test_a_batch_of_one_is_a_single_event():
    gateway = ScriptedGateway()
    await send(gateway, events=2, batch=1)
    assert [(path, body[NUMBER]) for path, _, body in gateway.requests] == [("/collect", 0), ("/collect", 1)]


async def test_several_requests_run_at_once():
    gateway = ScriptedGateway()
    tally = await send(gateway, events=100, concurrency=5)
    assert tally.accepted == 100
    assert sorted(event[NUMBER] for event in gateway.accepted) == list(range(100))


@pytest.mark.parametrize("status", [429, 503])
async def test_what_is_refused_for_now_is_sent_again(status):
    gateway = ScriptedGateway(status, status)
    tally = await send(gateway, events=3)
    assert (tally.accepted, tally.retries, tally.refused, tally.unknown) == (3, 2, 0, 0)
    assert len(gateway.requests) == 3


async def test_a_repetition_carries_the_same_key():
    gateway = ScriptedGateway(503)
    await send(gateway, events=6, idempotent=True)
    keys = [headers["Idempotency-Key"] for _, headers, _ in gateway.requests]
    assert keys == ["send1-0", "send1-0", "send1-3"]


@pytest.mark.parametrize("status", [400, 401, 403, 413, 500])
async def test_what_is_refused_for_good_is_not_sent_again(status):
    gateway = ScriptedGateway(status)
    tally = await send(gateway, events=6)
    assert (tally.accepted, tally.refused, tally.retries) == (3, 3, 0)
    assert tally.reasons == {f"{status}, in words": 1}


async def test_a_connection_that_breaks_leaves_its_events_unknown():
    gateway = ScriptedGateway(DROP)
    tally = await send(gateway, events=6)
    assert (tally.accepted, tally.unknown, tally.refused) == (3, 3, 0)
    assert len(gateway.requests) == 2


async def test_after_a_503_nothing_is_certain_even_when_it_gives_up():
    tally = await send(ScriptedGateway(503), events=3, give_up_s=0)
    assert (tally.accepted, tally.unknown, tally.refused) == (0, 3, 0)
    tally = await send(ScriptedGateway(429), events=3, give_up_s=0)
    assert (tally.accepted, tally.unknown, tally.refused) == (0, 0, 3)


async def test_without_a_connection_it_tries_again_until_it_gives_up():
    tally = await send_to("http://127.0.0.1:1", events=3, give_up_s=0.05)
    assert (tally.refused, tally.unknown) == (3, 0)
    assert tally.retries > 1


async def test_a_rate_is_kept():
    loop = asyncio.get_running_loop()
    started = loop.time()
    await send(ScriptedGateway(), events=30, batch=10, rate=200)
    assert loop.time() - started >= 20 / 200


@pytest.mark.parametrize(
    ("accepted", "unknown", "different", "match"),
    [
        (10, 0, 10, True),
        (10, 0, 9, False),
        (10, 0, 11, False),
        (10, 5, 9, False),
        (10, 5, 15, True),
        (10, 5, 16, False),
    ],
)
def test_clickhouse_matches_when_it_has_all_that_was_accepted_and_no_more(accepted, unknown, different, match):
    tally = Tally(accepted=accepted, unknown=unknown)
    assert matches(tally, Found(stored=different, rejected=0, different=different)) is match


def test_the_summary_names_what_is_odd_and_only_that():
    plain = dict(summary("r", Tally(accepted=1000), Found(990, 10, 1000), 2.0))
    assert plain == {"run": "r", "accepted": "1,000", "stored": "990", "rejected": "10", "seconds": "2.0"}
    odd = dict(summary("r", Tally(accepted=1000, unknown=3, retries=2), Found(1003, 0, 1000), 2.0))
    assert (odd["stored more than once"], odd["retries"]) == ("3", "2")
    assert odd["unknown"] == "3 (no answer came, so these may be stored or not)"


async def test_clickhouse_is_asked_until_all_are_there():
    counts = iter([0, 4, 10])

    async def handle(request: web.Request) -> web.Response:
        assert request.query["param_prefix"] == "send1_"
        found = next(counts)
        return web.json_response({"stored": found, "rejected": 0, "different": found})

    app = web.Application()
    app.router.add_post("/", handle)
    seen: list[int] = []
    async with serving(app, "127.0.0.1", 0) as url:
        found = await wait_until_stored(url, "send1", 10, 30, lambda now: seen.append(now.different))
    assert found == Found(10, 0, 10)
    assert seen == [0, 4, 10]


async def test_a_clickhouse_that_does_not_answer_is_named():
    found = await wait_until_stored("http://127.0.0.1:1", "send1", 10, 0, lambda now: None)
    assert isinstance(found, str)
    assert "127.0.0.1" in found


@pytest.mark.parametrize(
    ("rows", "resent", "unknown", "match"),
    [
        (100, 0, 0, True),
        (101, 0, 0, False),
        (101, 1, 0, True),
        (102, 1, 0, False),
        (101, 0, 1, True),
        (99, 0, 0, False),
    ],
)
def test_a_row_too_many_is_no_match_unless_its_request_was_sent_twice(rows, resent, unknown, match):
    tally = Tally(accepted=100, unknown=unknown, resent=resent)
    assert matches(tally, Found(stored=rows - 10, rejected=10, different=min(rows, 100))) is match
