from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.chaos.traffic import Traffic

if TYPE_CHECKING:
    from tests.chaos.traffic import Request

BEGAN_MS = 1_795_000_000_000


def requests_of(name: str, count: int = 1000, seed: int = 1) -> list[Request]:
    """Give the first requests of a client all of whose requests are accepted."""
    traffic = Traffic(name, "7", Random(seed), BEGAN_MS)
    made = []
    for number in range(count):
        request = traffic.request(BEGAN_MS + number)
        traffic.accepted(request)
        made.append(request)
    return made


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return requests_of("7-0")


def test_no_marker_comes_twice_and_none_of_another_client(requests: list[Request]):
    other = requests_of("7-1")
    markers = [event.marker for request in (*requests, *other) for event in request.events]
    assert len(set(markers)) == len(markers)


def test_each_event_bears_its_marker_in_the_body_once(requests: list[Request]):
    for request in requests:
        body = msgspec.json.encode(request.body)
        for event in request.events:
            assert body.count(b'"marker":"%s"' % event.marker.encode()) == 1
        assert body.count(b'"marker"') == len(request.events)


def test_all_apis_are_used_by_single_events_and_by_batches(requests: list[Request]):
    paths = Counter(request.path for request in requests)
    assert set(paths) == {
        "/collect",
        "/collect/batch",
        "/collect/event",
        "/v1/ingest",
        "/api/event-bulk-create-jobs",
        "/event/",
        "/user/",
    }


def test_orders_are_confirmed_again_by_other_clients_and_by_other_apis(requests: list[Request]):
    by_order: dict[str, set[str]] = {}
    for client in (requests, requests_of("7-1", seed=2)):
        for request in client:
            for event in request.events:
                if event.order_id:
                    by_order.setdefault(event.order_id, set()).add(event.marker[:3] + request.path)
    assert any({"7-0/collect/batch", "7-1/event/"} <= ways for ways in by_order.values())


@pytest.mark.parametrize("kind", ["order", "request", "unique_id", "open"])
def test_events_compete_for_every_kind_of_prize(requests: list[Request], kind: str):
    prizes = Counter(event.prize for request in requests for event in request.events if event.prize)
    assert any(count > 1 for prize, count in prizes.items() if prize.split()[0] == kind)


def test_a_user_is_named_only_after_the_request_that_saved_it_was_accepted():
    traffic = Traffic("7-0", "7", Random(1), BEGAN_MS)
    paths = {traffic.request(BEGAN_MS).path for _ in range(500)}
    assert "/event/" not in paths
    assert "/user/" in paths


def test_the_same_random_numbers_give_the_same_requests():
    assert requests_of("7-0", 50) == requests_of("7-0", 50)
