"""Which raw records are searched for an id, and what is called lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.factories import NOW as RECEIVED_AT
from tests.factories import TOPIC

from sluice.cli.tracing.sighting import Place, Sighting
from sluice.cli.tracing.tracer import SENT_WITHIN_MS, SLACK_MS, Span, Trace, spans, with_row
from sluice.contract.processed import Source

NOW = 1_795_000_000_000
HOUR_MS = 3_600_000


def test_an_id_that_tells_no_time_is_searched_since_then():
    assert spans(None, NOW, NOW - HOUR_MS) == (Span(NOW - HOUR_MS),)


@pytest.mark.parametrize(
    ("made_ago_ms", "since_ago_ms"), [(HOUR_MS, 2 * HOUR_MS), (2 * HOUR_MS, HOUR_MS), (0, 0), (NOW, HOUR_MS)]
)
def test_an_id_that_tells_its_time_is_searched_near_it_and_then_farther(made_ago_ms: int, since_ago_ms: int):
    made_at, since = NOW - made_ago_ms, NOW - since_ago_ms
    near, far = spans(made_at, NOW, since)
    assert near == Span(max(0, made_at - SLACK_MS), made_at + SENT_WITHIN_MS)
    assert far == Span(max(0, min(made_at - SLACK_MS, since)))


def test_an_id_of_a_time_to_come_is_searched_from_now():
    near, far = spans(NOW + HOUR_MS, NOW, NOW - HOUR_MS)
    assert (near.since, far) == (NOW - SLACK_MS, Span(NOW - HOUR_MS))


LOST = Sighting(
    place=Place.LOST,
    source=Source(TOPIC, 2, 7, 3, RECEIVED_AT),
    event_id="e",
    request_id="r",
    order_id="o",
    project="demo",
    api="pulse",
    event_type="confirmation",
    received_at=RECEIVED_AT,
)


def test_a_row_without_ids_is_found_again_with_those_that_were_sent():
    row = replace(LOST, place=Place.FORGOTTEN, request_id="", order_id="", outcome="stored")
    assert with_row(LOST, row) == replace(row, request_id="r", order_id="o")


def test_the_row_of_another_event_leaves_an_event_lost():
    assert with_row(LOST, replace(LOST, place=Place.STORED, event_id="another")) is LOST


def test_what_is_lost_is_told_from_what_is_there():
    stored = replace(LOST, place=Place.STORED)
    assert Trace([stored, LOST]).lost == [LOST]
    assert Trace([stored, replace(LOST, place=Place.FORGOTTEN)]).lost == []
