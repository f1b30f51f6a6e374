"""The numbers of an account."""

from __future__ import annotations

from collections import Counter

from sluice.cli.auditing.account import Account, by_project, total


def test_the_difference_is_what_has_no_row():
    account = Account(10, 2, Counter(stored=4, bot=1, duplicate=2))
    assert (account.stored, account.difference) == (4, 1)


def test_too_many_rows_make_it_negative():
    assert Account(1, 0, Counter(stored=3)).difference == -2


def test_every_way_to_be_rejected_is_shown_and_unknown_ones_too():
    rejected = Account(rows=Counter(stored=4, bot=1, odd=3)).rejected
    assert rejected == {"duplicate": 0, "throttled": 0, "bot": 1, "invalid": 0, "odd": 3}


def test_accounts_are_summed_by_project():
    accounts = {
        (0, "b"): Account(1, 1),
        (0, "a"): Account(2, 0, Counter(stored=2)),
        (1, "a"): Account(3, 1, Counter(stored=1, bot=1)),
    }
    assert by_project(accounts) == {"a": Account(5, 1, Counter(stored=3, bot=1)), "b": Account(1, 1)}
    assert total(accounts.values()) == Account(6, 2, Counter(stored=3, bot=1))
    assert total([]) == Account()
