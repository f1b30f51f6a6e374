"""Entries of `sluice.forgotten` as SQL."""

from __future__ import annotations

import pytest

from sluice.cli.forgetting.entries import (
    ENTRIES_AT_ONCE,
    Entry,
    Salt,
    batches,
    blanked,
    condition,
    ever,
    quoted,
    sessions_condition,
    users_condition,
)

ID = "018c0000-0000-7000-8000-000000000001"
SALT = Salt(2**64 - 1, 1)


@pytest.mark.parametrize(
    ("entries", "sizes"),
    [(0, []), (1, [1]), (ENTRIES_AT_ONCE, [ENTRIES_AT_ONCE]), (ENTRIES_AT_ONCE + 1, [ENTRIES_AT_ONCE, 1])],
)
def test_entries_are_cut_into_as_many_as_a_statement_takes(entries: int, sizes: list[int]):
    assert [len(batch) for batch in batches([Entry("shop", 1, visitor_id=7)] * entries)] == sizes


def test_the_longest_statement_is_shorter_than_clickhouse_takes():
    visitors = [Entry("p" * 64, 2**43, visitor_id=2**64 - 1 - number) for number in range(ENTRIES_AT_ONCE)]
    events = [
        Entry("p" * 64, 2**43, event_id=ID.replace("000001", f"{number:06}")) for number in range(ENTRIES_AT_ONCE)
    ]
    for entries in (visitors, events):
        assert len(blanked(entries, SALT)) < 256 * 1024


def test_a_visitor_is_forgotten_up_to_a_time():
    assert condition([Entry("shop", 5, visitor_id=7)]) == (
        "project IN ('', 'shop') AND payload != '' AND "
        "(toUnixTimestamp64Milli(received_at) < transform(visitor_id, [toUInt64(7)], [5], 0))"
    )


def test_a_session_means_its_events_without_a_visitor():
    assert "visitor_id = 0 AND session_id != ''" in condition([Entry("shop", 5, session_key=7)])


def test_sessions_of_the_roll_up_are_meant_whenever_they_began():
    [entry, session] = [Entry("shop", 5, visitor_id=7), Entry("shop", 5, session_key=8)]
    assert sessions_condition([entry, session]).endswith(
        "AND (toUInt64OrZero(substring(visitor, 16)) IN (toUInt64(7)) OR session_key IN (toUInt64(8)))"
    )


def test_entries_may_mean_what_came_later_as_well():
    [entry] = ever([Entry("shop", 5, visitor_id=7)])
    assert (entry.visitor_id, entry.forgotten_at > 2**60) == (7, True)


def test_an_event_is_forgotten_whenever_it_came():
    assert condition([Entry("shop", 5, event_id=ID)]).endswith(f"AND (event_id IN ('{ID}'))")


def test_a_statement_that_changes_rows_has_a_key_for_new_names_of_sessions():
    assert "(toUInt64(18446744073709551615), toUInt64(1))" in blanked([Entry("shop", 5, visitor_id=7)], SALT)


def test_single_events_mean_no_session_and_no_user_of_a_roll_up():
    entries = [Entry("shop", 5, event_id=ID)]
    assert sessions_condition(entries).endswith("AND (false)")
    assert users_condition(entries).endswith("< 0")


@pytest.mark.parametrize(
    ("text", "literal"), [("shop", "'shop'"), ("", "''"), ("a'b", "'a\\'b'"), ("a\\'b", "'a\\\\\\'b'")]
)
def test_a_text_is_a_literal(text: str, literal: str):
    assert quoted(text) == literal
