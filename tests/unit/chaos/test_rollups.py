"""A roll-up that is not what its table comes to is told, whatever it is off by."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.chaos.rollups import differences

if TYPE_CHECKING:
    from tests.chaos.rollups import Answer

COLUMNS = ("events", "value", "visitors")
KEY, OTHER = ("demo", "site", 1), ("demo", "site", 2)
RIGHT = (2, Decimal("19.98"), 1)
ROLL_UP: Answer = {KEY: RIGHT, OTHER: RIGHT}


def found(rolled: Answer) -> list[str]:
    return list(differences("minutes", COLUMNS, rolled, ROLL_UP))


def test_a_roll_up_that_is_right_gives_no_sentence():
    assert found(ROLL_UP) == []
    assert list(differences("minutes", COLUMNS, {}, {})) == []


@pytest.mark.parametrize(
    ("wrong", "off"),
    [
        ((3, Decimal("19.98"), 1), "events = 3 for ('demo', 'site', 1), and event_log 2"),
        ((2, Decimal("19.980001"), 1), "value = 19.980001 for ('demo', 'site', 1), and event_log 19.98"),
        ((2, Decimal("19.98"), 2), "visitors = 2 for ('demo', 'site', 1), and event_log 1"),
    ],
    ids=["a row twice", "the least amount", "a visitor"],
)
def test_a_value_that_is_off_by_the_least_is_told(wrong: tuple[object, ...], off: str):
    assert found(ROLL_UP | {KEY: wrong}) == [f"minutes has {off}"]


def test_a_row_that_is_missing_is_told():
    assert found({OTHER: RIGHT}) == ["minutes lacks ('demo', 'site', 1)"]


def test_a_row_of_events_that_are_not_there_is_told():
    unknown = ("demo", "site", 3)
    assert found(ROLL_UP | {unknown: RIGHT}) == ["minutes has ('demo', 'site', 3), of which event_log knows nothing"]


def test_a_roll_up_of_one_row_needs_no_key():
    assert list(differences("rollup_users", ["rows"], {(): (3,)}, {(): (4,)})) == [
        "rollup_users has rows = 3 for (), and event_log 4"
    ]
