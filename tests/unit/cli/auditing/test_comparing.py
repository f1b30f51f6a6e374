"""Raw records and the rows of them: each line has one row, and there is no other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import raw_line

from sluice.cli.auditing.account import Account, Accounts
from sluice.cli.auditing.comparing import Fault, Kind, Rows, faults, joined, lines_by_project, tally
from sluice.contract import ndjson, raw

FAR = 10**9
"""A mark beyond everything: all of it must be in the table."""


def rows(offset: int, *lines: int, project: str = "demo", outcome: str = "stored") -> Rows:
    return Rows(offset, project, outcome, list(lines))


def kinds(records, found, mark=FAR):
    return [(fault.first, fault.kind, fault.events) for fault in faults(0, records, found, mark)]


def test_lines_are_counted_by_project():
    lines = [raw_line(project="a"), raw_line(project="b"), raw_line(project="a")]
    assert lines_by_project(ndjson.join(map(raw.encode, lines))) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"\xff", b"[1]", b'{"project":"demo"}', b'{"project":"demo","id":"1"}', b"[" * 5000, None]
)
def test_what_is_no_raw_line_is_one_of_no_project(text):
    assert lines_by_project(text) == {"": 1}


def test_a_record_with_one_row_for_each_line_is_right():
    assert kinds({7: {"demo": 3}}, [rows(7, 2, 0, 1)]) == []


def test_outcomes_and_projects_share_the_lines_of_a_record():
    found = [rows(7, 0, 3), rows(7, 1, outcome="duplicate"), rows(7, 2, project="b", outcome="bot")]
    assert kinds({7: {"demo": 3, "b": 1}}, found) == []


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([], [(Kind.MISSING, 3)]),
        ([rows(7, 0, 1)], [(Kind.MISSING, 1)]),
        ([rows(7, 1, 2)], [(Kind.MISSING, 1)]),
        ([rows(7, 0, 1, 2, 2)], [(Kind.DOUBLED, 1)]),
        ([rows(7, 0, 1, 2, 2, 2)], [(Kind.DOUBLED, 2)]),
        ([rows(7, 0, 1, 2), rows(7, 1, outcome="bot")], [(Kind.DOUBLED, 1)]),
        ([rows(7, 0, 1, 2, 3)], [(Kind.UNFOUNDED, 1)]),
        ([rows(7, 0, 1, 2, 3, 3)], [(Kind.UNFOUNDED, 2)]),
        ([rows(7, 0, 0, 2)], [(Kind.MISSING, 1), (Kind.DOUBLED, 1)]),
        ([rows(7, 0, 1, 3)], [(Kind.MISSING, 1), (Kind.UNFOUNDED, 1)]),
        ([rows(7, 0, 0, 4)], [(Kind.MISSING, 2), (Kind.UNFOUNDED, 1), (Kind.DOUBLED, 1)]),
        ([rows(7, 0, 1), rows(7, 2, project="b")], [(Kind.MISPLACED, 1)]),
        ([rows(7, 0, 1, 2, project="")], [(Kind.MISPLACED, 3)]),
    ],
)
def test_what_is_wrong_with_a_record_of_three_lines_is_named(found, wrong):
    assert kinds({7: {"demo": 3}}, found) == [(7, kind, events) for kind, events in wrong]


def test_a_row_of_an_offset_without_a_record_has_no_raw_line():
    assert kinds({7: {"demo": 1}}, [rows(7, 0), rows(8, 0)]) == [(8, Kind.UNFOUNDED, 1)]


def test_beyond_the_mark_nothing_is_missing():
    assert kinds({7: {"demo": 1}, 8: {"demo": 1}}, [], mark=6) == []
    assert kinds({7: {"demo": 1}, 8: {"demo": 1}}, [], mark=7) == [(7, Kind.MISSING, 1)]


def test_neighbours_with_the_same_fault_are_joined():
    single = [Fault(0, at, at, Kind.MISSING, 2) for at in (3, 4, 5, 7)] + [Fault(1, 8, 8, Kind.MISSING, 1)]
    single += [Fault(0, 6, 6, Kind.DOUBLED, 1)]
    assert list(joined(single)) == [
        Fault(0, 6, 6, Kind.DOUBLED, 1),
        Fault(0, 3, 5, Kind.MISSING, 6),
        Fault(0, 7, 7, Kind.MISSING, 2),
        Fault(1, 8, 8, Kind.MISSING, 1),
    ]


def test_accounts_are_kept_by_partition_and_project():
    accounts: Accounts = {}
    records = {7: {"demo": 2, "": 1}, 8: {"demo": 5}}
    tally(accounts, 3, records, [rows(7, 0, 1), rows(7, 2, project="", outcome="invalid")], mark=7)
    assert accounts[3, "demo"] == Account(accepted=7, on_the_way=5, rows=Counter(stored=2))
    assert accounts[3, ""] == Account(accepted=1, on_the_way=0, rows=Counter(invalid=1))
    assert [account.difference for account in accounts.values()] == [0, 0]


RECORDS = st.dictionaries(
    st.integers(0, 5), st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 3), min_size=1), max_size=5
)
TABLE = st.lists(
    st.builds(
        Rows,
        st.integers(0, 6),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["stored", "bot"]),
        st.lists(st.integers(0, 6), min_size=1, max_size=5),
    ),
    max_size=5,
)


@given(RECORDS, TABLE, st.integers(-1, 6))
def test_no_faults_means_no_differences(records, found, mark):
    mark = max([mark, *(of.offset for of in found)])
    accounts: Accounts = {}
    tally(accounts, 0, records, found, mark)
    wrong = list(faults(0, records, found, mark))
    if not wrong:
        assert all(account.difference == 0 for account in accounts.values())
    missing = sum(fault.events for fault in wrong if fault.kind is Kind.MISSING)
    surplus = sum(fault.events for fault in wrong if fault.kind in {Kind.DOUBLED, Kind.UNFOUNDED})
    assert sum(account.difference for account in accounts.values()) == missing - surplus


@given(RECORDS, st.integers(-1, 6))
def test_what_sinks_store_is_without_a_fault(records, mark):
    stored = []
    for offset, projects in records.items():
        line = 0
        for project, lines in projects.items():
            if offset <= mark:
                stored.append(Rows(offset, project, "stored", list(range(line, line + lines))))
            line += lines
    assert list(faults(0, records, stored, mark)) == []
