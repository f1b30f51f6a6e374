"""How many rows roll-ups may be made of."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from sluice.cli.rebuilding.comparing import Counts, Difference, OtherAmount, differences, not_added, other_amounts

AT = ("minutes", 202611)


def counts(rows: int) -> Counts:
    return Counter({AT: rows})


@pytest.mark.parametrize(("rows", "missing"), [(9, 1), (10, 0), (12, 0), (13, -1)])
def test_a_roll_up_has_at_least_what_is_settled_and_at_most_what_is_there(rows: int, missing: int):
    found = list(differences(counts(10), counts(rows), counts(12)))
    assert found == ([Difference(*AT, rows, 10, 12)] if missing else [])
    assert [difference.missing for difference in found] == ([missing] if missing else [])


def test_a_month_that_only_one_side_has_differs():
    assert list(differences(counts(1), Counter(), counts(1))) == [Difference(*AT, 0, 1, 1)]
    assert list(differences(Counter(), counts(1), Counter())) == [Difference(*AT, 1, 0, 0)]


def test_months_are_compared_each_on_its_own():
    log = Counter({("minutes", 202610): 1, AT: 1})
    assert len(list(differences(log, Counter({("minutes", 202610): 2}), log))) == 2


def test_nothing_differs_from_nothing():
    assert list(differences(Counter(), Counter(), Counter())) == []


@pytest.mark.parametrize(("expired", "differs"), [(0, True), (202610, True), (202611, False), (202612, False)])
def test_of_a_month_whose_rows_may_have_expired_a_roll_up_may_have_more(expired: int, differs: bool):
    assert bool(list(differences(counts(1), counts(2), counts(1), expired))) is differs
    assert list(differences(counts(1), counts(0), counts(1), expired)) != []


@pytest.mark.parametrize(("expired", "differs"), [(0, True), (199001, False)])
def test_where_any_rows_may_have_expired_so_may_one_without_months(expired: int, differs: bool):
    users = ("users", 0)
    log = Counter({users: 1})
    assert bool(list(differences(log, Counter({users: 2}), log, expired))) is differs


def test_what_is_stored_and_not_added_up_counts_over_all_months():
    stored = Counter({("minutes", 202610): 5, AT: 5, ("users", 0): 1})
    rolled = Counter({("minutes", 202610): 3, AT: 4, ("users", 0): 1})
    assert not_added(rolled, stored) == {"minutes": 3}


def test_amounts_differ_by_month_and_currency():
    one, two, nothing = Decimal("1.000001"), Decimal(2), Decimal(0)
    rolled = {(202610, "EUR"): one, (202611, "EUR"): two, (202611, "USD"): one}
    stored = {(202610, "EUR"): one, (202611, "EUR"): one, (202611, ""): two}
    assert list(other_amounts(rolled, stored)) == [
        OtherAmount(202611, "", nothing, two),
        OtherAmount(202611, "EUR", two, one),
        OtherAmount(202611, "USD", one, nothing),
    ]


def test_amounts_are_the_same_however_many_zeros_they_end_in():
    assert list(other_amounts({(202611, "EUR"): Decimal("1.50")}, {(202611, "EUR"): Decimal("1.500000")})) == []


def test_an_amount_of_nothing_is_none():
    assert list(other_amounts({(202611, "EUR"): Decimal("0.000000")}, {})) == []
