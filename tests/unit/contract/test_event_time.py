"""Which JSON values are times of events, and which times are plausible."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sluice.contract.event_time import EARLIEST_MS, YEAR_MS, event_time, is_plausible
from sluice.contract.iso8601 import milliseconds

NOW = 1_795_000_000_000


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (1703001234567, 1703001234567),
        (1703001234567.9, 1703001234567),
        (-1, -1),
        (0, 0),
        ("1970-01-01T00:00:01Z", 1000),
    ],
)
def test_a_number_and_a_text_are_read(sent: Any, expected: int):
    assert event_time(sent) == expected


@pytest.mark.parametrize(
    "sent", [None, True, False, "", "1703001234567", "2026-02-16", [], {}, math.inf, -math.inf, math.nan]
)
def test_anything_else_is_no_time(sent: Any):
    assert event_time(sent) is None


def test_the_earliest_time_is_the_start_of_1990():
    assert milliseconds("1990-01-01T00:00:00Z") == EARLIEST_MS


@pytest.mark.parametrize("at_ms", [EARLIEST_MS, NOW, NOW + YEAR_MS])
def test_from_1990_to_a_year_ahead_is_plausible(at_ms: int):
    assert is_plausible(at_ms, NOW)


@pytest.mark.parametrize("at_ms", [-1, 0, EARLIEST_MS - 1, NOW + YEAR_MS + 1, 10**400])
def test_before_and_beyond_is_not(at_ms: int):
    assert not is_plausible(at_ms, NOW)
