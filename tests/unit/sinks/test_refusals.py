"""Refusals: what says that rows are at fault, and what never does."""

from __future__ import annotations

import pytest

from sluice.sinks.refusals import NOT_THE_ROWS, in_words, may_be_the_rows


@pytest.mark.parametrize("code", sorted(NOT_THE_ROWS))
def test_what_is_busy_away_or_set_up_wrongly_says_nothing_about_rows(code: int):
    assert not may_be_the_rows(code, "")


@pytest.mark.parametrize("code", [27, 53, 69, 72, 321, 349, 469])
def test_what_cannot_be_read_or_kept_may_be_the_rows(code: int):
    assert may_be_the_rows(code, "")


def test_a_code_that_nobody_has_thought_of_may_be_the_rows():
    assert may_be_the_rows(4711, "")


def test_an_error_without_a_code_says_nothing_about_rows():
    assert not may_be_the_rows(None, "Code: 53")


def test_of_too_many_parts_and_too_many_partitions_the_message_decides():
    assert not may_be_the_rows(252, "Too many parts (3000 with average size of 1.00 MiB) in table")
    assert may_be_the_rows(252, "Too many partitions for single INSERT block (more than 100)")


def test_a_message_is_told_without_its_version_and_around():
    message = (
        "Received ClickHouse exception, code: 53, server response: Code: 53. DB::Exception: Cannot convert. "
        "(TYPE_MISMATCH) (version 26.9.2.1 (official build))"
    )
    assert in_words(message) == "Cannot convert. (TYPE_MISMATCH)"


def test_a_message_keeps_nothing_of_what_the_row_holds():
    message = "DB::Exception: Cannot parse 'jane@example.com', got 'O\\'Neil at row 0"
    assert in_words(message) == "Cannot parse '...', got '...'"
    constraint = (
        "DB::Exception: Constraint `c` is violated at row 1. Column values: user_id = jane (VIOLATED_CONSTRAINT)"
    )
    assert in_words(constraint) == "Constraint `c` is violated at row 1"


def test_a_message_is_short():
    assert len(in_words("x" * 10_000)) == 300
    assert in_words("") == ""
