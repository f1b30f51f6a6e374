"""What the gateway's parts count stands in its metrics."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.gateway.test_metrics import values

from sluice.gateway.connections import Traffic
from sluice.gateway.load import Load
from sluice.gateway.metrics import Metrics
from sluice.gateway.watched import show_neighbours, show_own


def told(metrics: Metrics, *names: str) -> list[float]:
    return [values(metrics, f"sluice_gateway_{name}")[()] for name in names]


def stand_in(**counted: Any) -> Any:
    return cast("Any", SimpleNamespace(**counted))


def test_what_the_gateway_holds_and_turns_away_is_told_as_it_is_now():
    metrics, load, traffic, follower = Metrics(), Load(), Traffic(), stand_in(settings_file_ok=True)
    show_own(metrics, load, traffic, follower)
    names = (
        "settings_file_ok",
        "requests_in_flight",
        "held_body_bytes",
        "connections",
        "connections_refused_total",
        "unreadable_requests_total",
    )
    assert told(metrics, *names) == [1, 0, 0, 0, 0, 0]
    follower.settings_file_ok = False
    traffic.open, traffic.turned_away, traffic.unreadable = 3, 4, 5
    with load.request() as share:
        share.hold(17)
        assert told(metrics, *names) == [0, 1, 17, 3, 4, 5]


def test_how_neighbours_are_reached_is_told():
    metrics = Metrics()
    users = stand_in(ready=True, records_read=7, foreign_records=2)
    show_neighbours(metrics, stand_in(ready=True), users, stand_in(failures=5))
    names = ("known_users_records_total", "known_users_foreign_total", "uncounted_requests_total")
    assert told(metrics, *names) == [7, 2, 5]


@pytest.mark.parametrize(("publisher", "users"), [(True, False), (False, True), (False, False), (True, True)])
def test_the_gateway_is_ready_when_it_can_publish_and_knows_the_users(publisher: bool, users: bool):
    metrics = Metrics()
    followed = stand_in(ready=users, records_read=0, foreign_records=0)
    show_neighbours(metrics, stand_in(ready=publisher), followed, stand_in(failures=0))
    assert told(metrics, "ready") == [publisher and users]
