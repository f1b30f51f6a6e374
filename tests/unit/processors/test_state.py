"""What a batch under way sees of the state, and what it has removed."""

from __future__ import annotations

import pytest
from tests.factories import NOW

from sluice.processors.state import FORGOTTEN_AFTER_MS, HIDDEN_AFTER_MS, Draft, Entry
from sluice.processors.state_memory import MemoryState


def drafted(**entries: Entry) -> Draft:
    return Draft(MemoryState({key.encode(): entry for key, entry in entries.items()}))


def test_a_draft_shows_what_was_committed_under_what_it_has_changed():
    draft = drafted(a=Entry(b"1"), b=Entry(b"2"))
    draft.put([(b"b", Entry(b"3"))])
    assert [draft.get(key) for key in (b"a", b"b", b"c")] == [Entry(b"1"), Entry(b"3"), None]


def test_a_draft_changes_nothing_that_was_committed():
    committed = MemoryState({b"a": Entry(b"1")})
    draft = Draft(committed)
    draft.put([(b"a", Entry(b"2")), (b"b", Entry(b"3"))])
    assert committed.entries == {b"a": Entry(b"1")}
    assert draft.changes == {b"a": Entry(b"2"), b"b": Entry(b"3")}


@pytest.mark.parametrize(("later", "found"), [(0, True), (HIDDEN_AFTER_MS, True), (HIDDEN_AFTER_MS + 1, False)])
def test_a_record_that_is_written_long_after_an_entrys_time_does_not_find_it(later: int, found: bool):
    entry = Entry(b"1", forget_at=NOW)
    draft = drafted(committed=entry)
    draft.put([(b"put", entry)])
    draft.at(NOW + later)
    assert [draft.get(b"committed"), draft.get(b"put")] == [entry if found else None] * 2


def test_an_entry_that_is_kept_for_ever_is_always_found():
    draft = drafted(a=Entry(b"1"))
    draft.at(NOW + 1000 * HIDDEN_AFTER_MS)
    assert draft.get(b"a") == Entry(b"1")


def test_each_record_finds_what_it_would_find_alone():
    draft = drafted(a=Entry(b"1", forget_at=NOW))
    draft.at(NOW + 2 * HIDDEN_AFTER_MS)
    draft.at(NOW)
    assert draft.get(b"a") is not None


@pytest.mark.parametrize(("later", "removed"), [(FORGOTTEN_AFTER_MS, False), (FORGOTTEN_AFTER_MS + 1, True)])
def test_an_entry_is_removed_well_after_no_record_finds_it(later: int, removed: bool):
    draft = drafted(a=Entry(b"1", forget_at=NOW))
    draft.forget(NOW + later, limit=10)
    assert draft.changes == ({b"a": None} if removed else {})
    assert FORGOTTEN_AFTER_MS > HIDDEN_AFTER_MS


def test_no_more_are_removed_at_once_than_may_be_and_the_oldest_go_first():
    draft = drafted(b=Entry(b"", NOW + 1), a=Entry(b"", NOW), c=Entry(b"", NOW + 2), ever=Entry(b""))
    draft.forget(NOW + 2 * FORGOTTEN_AFTER_MS, limit=2)
    assert draft.changes == {b"a": None, b"b": None}


def test_what_a_batch_has_put_is_not_removed_by_it():
    draft = drafted(a=Entry(b"1", forget_at=NOW))
    draft.put([(b"a", Entry(b"2", forget_at=NOW + 1))])
    draft.forget(NOW + 2 * FORGOTTEN_AFTER_MS, limit=10)
    assert draft.changes == {b"a": Entry(b"2", forget_at=NOW + 1)}
