from __future__ import annotations

import pytest
from tests.chaos.first_wins import unfair
from tests.chaos.traffic import Competing

THREE = [Competing(marker, "order A") for marker in ("a", "b", "c")]


def test_one_of_all_competitors_is_stored():
    assert list(unfair(THREE, {"a": "duplicate", "b": "stored", "c": "throttled"})) == []


def test_two_that_are_stored_are_told():
    assert list(unfair(THREE, {"a": "stored", "b": "stored", "c": "duplicate"})) == [
        "order A: 2 of 3 events are stored"
    ]


def test_competitors_of_whom_none_is_stored_are_told():
    assert list(unfair(THREE, {"a": "duplicate", "b": "duplicate", "c": "duplicate"})) == [
        "order A: 0 of 3 events are stored"
    ]


def test_those_without_a_row_did_not_compete():
    assert list(unfair(THREE, {"b": "stored"})) == []
    assert list(unfair(THREE, {})) == []
    assert list(unfair(THREE, {"b": "duplicate"})) == ["order A: 0 of 1 events are stored"]


@pytest.mark.parametrize("outcome", ["invalid", "bot"])
def test_an_outcome_that_no_competitor_should_have_is_told(outcome: str):
    assert list(unfair(THREE, {"a": "stored", "b": outcome})) == [f"order A: events are {outcome}"]


def test_each_prize_is_judged_by_itself():
    others = [Competing("d", "order B"), Competing("e", "order B")]
    outcomes = {"a": "stored", "b": "duplicate", "d": "duplicate", "e": "stored"}
    assert list(unfair([*THREE, *others], outcomes)) == []


def test_events_without_a_prize_do_not_compete():
    assert list(unfair([Competing("a"), Competing("b")], {"a": "stored", "b": "stored"})) == []
