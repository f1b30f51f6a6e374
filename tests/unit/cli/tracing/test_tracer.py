"""Which raw records are searched for an id."""

from __future__ import annotations

import pytest

from sluice.cli.tracing.tracer import SENT_WITHIN_MS, SLACK_MS, Span, spans

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
