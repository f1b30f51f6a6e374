"""Whose names are one person's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.cli.forgetting import people as module
from sluice.cli.forgetting.people import spellings

if TYPE_CHECKING:
    from collections.abc import Sequence


def people(asked: Sequence[frozenset[str]], ties: Sequence[frozenset[str]]) -> Sequence[frozenset[str]]:
    return module.people(asked, lambda: ties)


def names(*some: str) -> frozenset[str]:
    return frozenset(some)


def test_an_address_has_the_form_in_which_addresses_compare_too():
    assert spellings(" Ann@Example.com") == names(" Ann@Example.com", "ann@example.com")


def test_an_id_is_spelled_as_it_is():
    assert spellings("U-1") == names("U-1")


def test_somebody_without_ties_has_one_name():
    assert people([names("u-1")], []) == [names("u-1")]


@pytest.mark.parametrize("asked", ["a@x", "u-1", "anonymous-7"])
def test_whichever_name_is_asked_for_all_that_are_tied_to_it_are_found(asked: str):
    ties = [names("anonymous-7", "u-1"), names("b@x", "u-2"), names("a@x", "u-1")]
    assert people([names(asked)], ties) == [names("a@x", "u-1", "anonymous-7")]


def test_ties_are_followed_in_whatever_order_they_come():
    chain = [names(f"n{number}", f"n{number + 1}") for number in range(20)]
    assert people([names("n0")], chain[::-1]) == [frozenset().union(*chain)]


def test_two_people_stay_two():
    found = people([names("u-1"), names("u-2")], [names("u-1", "a@x"), names("u-2", "b@x")])
    assert found == [names("u-1", "a@x"), names("u-2", "b@x")]


def test_two_names_of_the_same_person_are_one():
    assert people([names("u-1"), names("a@x")], [names("u-1", "a@x")]) == [names("u-1", "a@x")]


def test_nobody_is_found_who_was_not_asked_for():
    assert people([], [names("u-1", "a@x")]) == []
