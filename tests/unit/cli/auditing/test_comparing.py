"""Raw records and the rows of them: each line has one row, and there is no other."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOW, TOPIC, raw_line

from sluice.cli.auditing.account import Account, Accounts
from sluice.cli.auditing.comparing import (
    Fault,
    Kind,
    Lines,
    RawLines,
    Rows,
    faults,
    identity,
    joined,
    lines_by_project,
    tally,
)
from sluice.contract import ndjson, raw
from sluice.processors.decide import decide
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Record

FAR = 10**9
"""A mark beyond everything: all of it must be in the table."""


def lines(**counts: int) -> Lines:
    """So many lines of each project, one project after the other; an event's identity follows from its line."""
    numbers = itertools.count()
    return {
        project: {line: event(line) for line in itertools.islice(numbers, count)} for project, count in counts.items()
    }


def event(line: int) -> int:
    return 1000 + line


def rows(offset: int, *numbers: int, project: str = "demo", outcome: str = "stored") -> Rows:
    return Rows(offset, project, outcome, list(numbers), list(map(event, numbers)))


def kinds(records, found, mark=FAR):
    return [(fault.first, fault.kind, fault.events) for fault in faults(0, records, found, mark)]


def read(*texts: bytes | None) -> Lines:
    value = texts[0] if texts == (None,) else ndjson.join(text for text in texts if text is not None)
    return lines_by_project(Consumed(3, 7, NOW, value), TOPIC)


@dataclass
class Consumed:
    partition: int
    offset: int
    timestamp: int
    value: bytes | None


def test_an_identity_is_the_end_of_an_id():
    assert identity("01a1ff0d-577a-76b2-aedf-21b1da8b574d") == 0xAEDF21B1DA8B574D


def test_lines_are_told_apart_by_project_and_number():
    texts = [
        raw.encode(raw_line(project=project, number=number)) for project, number in (("a", 5), ("b", 6), ("a", 7))
    ]
    assert read(*texts) == {"a": {0: 5, 2: 7}, "b": {1: 6}}


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"\xff", b"[1]", b'{"project":"demo"}', b'{"project":"demo","id":"1"}', b"[" * 5000, None]
)
def test_what_is_no_raw_line_is_one_of_no_project(text):
    assert list(read(text)) == [""]
    assert list(read(text)[""]) == [0]


def test_what_is_no_raw_line_has_the_identity_that_the_processors_give_it():
    record = Record(3, 7, NOW, b"poison\n\xff\n" + raw.encode(raw_line(number=5)) + b"\n")
    decided = decide(record, TOPIC, Rulebook(Visitors(b"x")), Draft(MemoryState())).lines
    first, second, third = (identity(line.event.event_id) for line in decided)
    assert lines_by_project(record, TOPIC) == {"": {0: first, 1: second}, "demo": {2: third}}
    assert third == 5


@pytest.mark.parametrize("line", [b"\n", raw.encode(raw_line()) + b"\n"])
def test_a_record_with_too_many_lines_has_those_that_the_processors_decide(line: bytes):
    record = Record(3, 7, NOW, line * (ndjson.MAX_LINES + 1))
    decided = decide(record, TOPIC, Rulebook(Visitors(b"x")), Draft(MemoryState())).lines
    expected: dict[str, dict[int, int]] = {}
    for one in decided:
        expected.setdefault(one.project, {})[one.source.line] = identity(one.event.event_id)
    assert lines_by_project(record, TOPIC) == expected


def test_a_record_with_one_row_for_each_line_is_right():
    assert kinds({7: lines(demo=3)}, [rows(7, 2, 0, 1)]) == []


def test_outcomes_and_projects_share_the_lines_of_a_record():
    found = [rows(7, 0, 2), rows(7, 1, outcome="duplicate"), rows(7, 3, project="b", outcome="bot")]
    assert kinds({7: lines(demo=3, b=1)}, found) == []


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
        ([rows(7, 0, 1, 2), rows(7, 3, project="b")], [(Kind.UNFOUNDED, 1)]),
        ([rows(7, 0, 1, 2), rows(7, 1, project="b")], [(Kind.DOUBLED, 1), (Kind.MISPLACED, 1)]),
    ],
)
def test_what_is_wrong_with_a_record_of_three_lines_is_named(found, wrong):
    assert kinds({7: lines(demo=3)}, found) == [(7, kind, events) for kind, events in wrong]


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ([1000, 1001, 1002], []),
        ([1000, 1001, 9], [(Kind.MISTAKEN, 1)]),
        ([1001, 1000, 1002], [(Kind.MISTAKEN, 2)]),
        ([1001, 1002, 1000], [(Kind.MISTAKEN, 3)]),
        ([1000, 1000, 1000], [(Kind.MISTAKEN, 2)]),
    ],
)
def test_a_row_that_holds_another_event_than_its_raw_line_is_found(shown: list[int], wrong: list[tuple[Kind, int]]):
    found = [Rows(7, "demo", "stored", [0, 1, 2], shown)]
    assert kinds({7: lines(demo=3)}, found) == [(7, kind, events) for kind, events in wrong]


def test_lines_of_two_projects_that_changed_places_are_found():
    changed = [rows(7, 0, project="b"), rows(7, 1, project="a")]
    assert kinds({7: lines(a=1, b=1)}, changed) == [(7, Kind.MISPLACED, 2)]


def test_events_of_two_records_that_changed_places_are_found():
    changed = [Rows(7, "demo", "stored", [0], [2]), Rows(8, "demo", "stored", [0], [1])]
    assert kinds({7: {"demo": {0: 1}}, 8: {"demo": {0: 2}}}, changed) == [
        (7, Kind.MISTAKEN, 1),
        (8, Kind.MISTAKEN, 1),
    ]


def test_another_event_is_found_beside_a_line_that_is_missing():
    found = [Rows(7, "demo", "stored", [0, 2], [1000, 9])]
    assert kinds({7: lines(demo=3)}, found) == [(7, Kind.MISSING, 1), (7, Kind.MISTAKEN, 1)]


def test_a_row_of_an_offset_without_a_record_has_no_raw_line():
    assert kinds({7: lines(demo=1)}, [rows(7, 0), rows(8, 0)]) == [(8, Kind.UNFOUNDED, 1)]


def test_beyond_the_mark_nothing_is_missing():
    assert kinds({7: lines(demo=1), 8: lines(demo=1)}, [], mark=6) == []
    assert kinds({7: lines(demo=1), 8: lines(demo=1)}, [], mark=7) == [(7, Kind.MISSING, 1)]


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
    records = {7: {"demo": {0: 1, 1: 2}, "": {2: 3}}, 8: lines(demo=5)}
    tally(accounts, 3, records, [rows(7, 0, 1), rows(7, 2, project="", outcome="invalid")], mark=7)
    assert accounts[3, "demo"] == Account(accepted=7, on_the_way=5, rows=Counter(stored=2))
    assert accounts[3, ""] == Account(accepted=1, on_the_way=0, rows=Counter(invalid=1))
    assert [account.difference for account in accounts.values()] == [0, 0]


RECORDS = st.dictionaries(
    st.integers(0, 5), st.fixed_dictionaries({}, optional={name: st.integers(1, 3) for name in "ab"}), max_size=5
).map(lambda records: {offset: lines(**counts) for offset, counts in records.items() if counts})
TABLE = st.lists(
    st.builds(
        lambda offset, project, outcome, numbers: rows(offset, *numbers, project=project, outcome=outcome),
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


def stored(records: RawLines, mark: int) -> list[Rows]:
    """What the sinks store of records up to a mark."""
    return [
        Rows(offset, project, "stored", list(held), list(held.values()))
        for offset, projects in records.items()
        for project, held in projects.items()
        if offset <= mark
    ]


@given(RECORDS, st.integers(-1, 6))
def test_what_sinks_store_is_without_a_fault(records, mark):
    assert list(faults(0, records, stored(records, mark), mark)) == []


@given(RECORDS.filter(bool), st.data())
def test_whatever_one_row_shows_instead_is_a_fault(records, data):
    found = stored(records, FAR)
    at = data.draw(st.integers(0, len(found) - 1))
    line = data.draw(st.integers(0, len(found[at].lines) - 1))
    column = data.draw(st.sampled_from([found[at].lines, found[at].identities]))
    column[line] += data.draw(st.sampled_from([-1, 1, 2**63]))
    assert list(faults(0, records, found, FAR))
