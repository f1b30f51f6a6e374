"""The made-up traffic of `sluice send`."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from random import Random

import pytest

from sluice.cli.sending.traffic import NUMBER, Traffic
from sluice.gateway.dialects.pulse import check

NOW = 1_795_000_000_000


@pytest.fixture(scope="module")
def events():
    ticks = itertools.count(NOW)
    return Traffic("send12345678", Random(1), lambda: next(ticks)).batch(20_000)


def test_every_event_is_valid_for_api_1(events):
    for event in events:
        check(json.dumps(event).encode(), NOW + 20_000)


def test_events_are_numbered_and_carry_the_runs_id(events):
    assert [event[NUMBER] for event in events] == list(range(20_000))
    assert all(event["session_id"].startswith("send12345678_") for event in events)


def test_it_looks_like_people(events):
    kinds = Counter(event["event_type"] for event in events)
    assert kinds.keys() >= {"page_view", "click", "add_to_cart", "purchase"}
    assert kinds["page_view"] > kinds["add_to_cart"] > kinds["purchase"] > 0
    assert len({event["country"] for event in events}) > 5
    assert {event["device_type"] for event in events} == {"desktop", "mobile", "tablet"}


def test_a_purchase_follows_a_cart_in_the_same_session(events):
    carts = set()
    for event in events:
        if event["event_type"] == "add_to_cart":
            carts.add(event["session_id"])
        if event["event_type"] == "purchase":
            assert event["session_id"] in carts
            assert event["value"] > 0


def test_sessions_run_side_by_side_and_come_to_an_end(events):
    assert len({event["session_id"] for event in events[:100]}) > 10
    assert len({event["session_id"] for event in events}) > 500


def test_the_same_seed_makes_the_same_traffic():
    one, other = (Traffic("r", Random(7), lambda: NOW).batch(500) for _ in range(2))
    assert one == other
