"""The roll-ups' views on a real ClickHouse: what blocks add up to, however the events were cut into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import clickhouse_connect
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clickhouse_connect.driver.client import Client
    from tests.integration.stack import Stack

START = datetime(2026, 10, 31, 23, 59, 50, tzinfo=UTC)
Event = dict[str, Any]


@pytest.fixture
def client(deployment: Stack) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=deployment.clickhouse_url) as client:
        yield client


@pytest.fixture
def project() -> str:
    return f"p-{uuid4()}"


def event(after_s: float, **columns: Any) -> Event:
    at = START + timedelta(seconds=after_s)
    usual = {"event_type": "page_view", "outcome": "stored", "session_id": "s-1", "visitor_id": 7}
    return {**usual, "timestamp": at, "received_at": at, "source_timestamp": at, **columns}


def feed(client: Client, project: str, *blocks: Sequence[Event]) -> None:
    for block in blocks:
        everywhere = {"project": project, "user_set": {}, "lacking": ["minutes", "sessions", "visitor_days", "users"]}
        rows = [{**everywhere, **given} for given in block]
        names = sorted({name for row in rows for name in row})
        empty = {"value": None, "visitor_id": 0}
        client.insert("sluice.feed", [[row.get(name, empty.get(name, "")) for name in names] for row in rows], names)


def rows(client: Client, view: str, project: str) -> list[dict[str, Any]]:
    columns = "* EXCEPT visitors_state" if view == "minutes" else "*"  # a state has no order
    found = client.query(
        f"SELECT {columns} FROM sluice.{view} WHERE project = {{project:String}} ORDER BY ALL",
        parameters={"project": project},
    )
    return [dict(row) for row in found.named_results()]


VISIT = [
    event(0, url="/a", referrer="https://search.example/", country="DE"),
    event(4, event_type="search", utm_source="mail", utm_medium="email", utm_campaign="autumn", visitor_id=0),
    event(12, url="/b", event_type="confirmation", value=19.99, currency="EUR", visitor_id=8),
    event(20, event_type="add_to_cart", value=1.005, currency="EUR", utm_source="later", visitor_id=0),
]
SESSION = {
    "visitor_id": 8,
    "started_at": START.replace(tzinfo=None),
    "ended_at": (START + timedelta(seconds=20)).replace(tzinfo=None),
    "duration_s": 20.0,
    "events": 4,
    "page_views": 1,
    "entry_url": "/a",
    "exit_url": "/b",
    "referrer": "https://search.example/",
    "utm_source": "mail",
    "utm_medium": "email",
    "utm_campaign": "autumn",
    "country": "DE",
    "orders": 1,
    "revenue": {"EUR": Decimal("19.99")},
    "value": {"EUR": Decimal("20.995")},
}


@pytest.mark.parametrize("order", list(permutations(VISIT))[::5], ids=range(5))
def test_a_session_is_the_same_in_whatever_order_its_events_come(client: Client, project: str, order: list[Event]):
    feed(client, project, *([one] for one in order))
    [session] = rows(client, "sessions", project)
    assert {name: session[name] for name in SESSION} == SESSION


def test_a_session_is_the_same_where_its_events_come_in_one_block(client: Client, project: str):
    feed(client, project, VISIT[::-1])
    [session] = rows(client, "sessions", project)
    assert {name: session[name] for name in SESSION} == SESSION


def test_a_session_over_the_end_of_a_month_is_one(client: Client, project: str):
    assert VISIT[0]["source_timestamp"].month != VISIT[3]["source_timestamp"].month
    feed(client, project, VISIT[:3], VISIT[3:])
    assert [session["events"] for session in rows(client, "sessions", project)] == [4]


@pytest.mark.parametrize("url", ['/"],["', "/\\", "/\0", "/a b\n", "/ü", "/" + "x" * 2000])
def test_a_page_is_shown_as_it_was_sent(client: Client, project: str, url: str):
    feed(client, project, [event(0, url=url, referrer=url)])
    [session] = rows(client, "sessions", project)
    assert (session["entry_url"], session["exit_url"], session["referrer"]) == (url, url, url)


def test_a_session_without_pages_campaign_or_visitor_says_so(client: Client, project: str):
    feed(client, project, [event(0, visitor_id=0, event_type="login")])
    [session] = rows(client, "sessions", project)
    named = ("entry_url", "exit_url", "referrer", "utm_source", "visitor_id", "orders", "revenue", "value")
    assert [session[name] for name in named] == ["", "", "", "", 0, 0, {}, {}]


def test_a_session_id_means_another_session_on_another_site(client: Client, project: str):
    feed(client, project, [event(0, site_id="a"), event(1, site_id="b")])
    assert [session["site_id"] for session in rows(client, "sessions", project)] == ["a", "b"]


def test_only_stored_events_make_sessions_and_days_of_visitors(client: Client, project: str):
    feed(client, project, [event(0, outcome=outcome) for outcome in ("duplicate", "throttled", "bot", "invalid")])
    assert rows(client, "sessions", project) == rows(client, "visitor_days", project) == []


def test_events_without_session_or_visitor_make_none(client: Client, project: str):
    feed(client, project, [event(0, session_id="", visitor_id=0)])
    assert rows(client, "sessions", project) == rows(client, "visitor_days", project) == []


def test_minutes_count_every_outcome_and_sum_values_by_currency(client: Client, project: str):
    paid = {"event_type": "confirmation", "currency": "EUR"}
    block = [event(0, **paid, value=0.1), event(1, **paid, value=0.2), event(2, **paid)]
    feed(client, project, block, [event(3, **paid, value=0.3, visitor_id=9), event(4, **paid, outcome="duplicate")])
    duplicate, stored = rows(client, "minutes", project)
    assert (duplicate["outcome"], duplicate["events"], duplicate["value"]) == ("duplicate", 1, 0)
    assert (stored["events"], stored["valued"], stored["value"], stored["visitors"]) == (4, 3, Decimal("0.6"), 2)


@pytest.mark.parametrize(
    ("value", "counted"),
    [(1.005, "1.005"), (-2.5, "-2.5"), (1e-7, "0"), (1e25, "10000000000000000000000000"), (1e300, "0")],
)
def test_a_value_counts_as_the_decimal_that_it_shows_as(client: Client, project: str, value: float, counted: str):
    feed(client, project, [event(0, value=value)])
    [minute] = rows(client, "minutes", project)
    assert minute["value"] == Decimal(counted)


def test_visitors_of_several_minutes_are_counted_once(client: Client, project: str):
    feed(client, project, [event(0), event(60)], [event(120, visitor_id=9), event(180, visitor_id=0)])
    merged = "SELECT uniqMerge(visitors_state) FROM sluice.minutes WHERE project = {project:String}"
    assert client.query(merged, parameters={"project": project}).result_rows == [(2,)]


def test_a_visitor_has_one_row_for_each_day(client: Client, project: str):
    feed(client, project, [event(0), event(5)], [event(6), event(20)])
    first, second = rows(client, "visitor_days", project)
    assert (first["day"].isoformat(), first["events"]) == ("2026-10-31", 3)
    assert (second["day"].isoformat(), second["events"]) == ("2026-11-01", 1)
    assert first["last_at"] - first["first_at"] == timedelta(seconds=6)
