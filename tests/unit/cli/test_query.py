"""The rows of `sluice query`."""

from __future__ import annotations

import pytest

from sluice.cli.query import parse_rows, refusal, wanted_by


def test_rows_are_taken_apart():
    answer = b'["n","name"]\n["UInt64","String"]\n["1","a\\tb"]\n["2",""]\n'
    assert parse_rows(answer) == (["n", "name"], ["UInt64", "String"], [["1", "a\tb"], ["2", ""]])


@pytest.mark.parametrize("answer", [b"", b"1\t2\n", b'{"a":1}\n{"a":2}\n', b"1\n2\n", b'["a"]\n'])
def test_an_answer_in_another_format_is_left_alone(answer):
    assert parse_rows(answer) is None


@pytest.mark.parametrize("statement", ["SELECT {to:Date}", "SELECT { to : Date }", "SELECT {from:Date}, {to:Date}"])
def test_a_parameter_of_the_statement_is_wanted(statement):
    assert wanted_by(statement, {"to": "2026-03-02"}) == {"to": "2026-03-02"}


@pytest.mark.parametrize(
    "statement", ["", "SELECT 1", "SELECT to", "SELECT {too:Date}", "SELECT {onto:Date}", "{t.:Date}"]
)
def test_a_parameter_that_the_statement_lacks_is_not_wanted(statement):
    assert wanted_by(statement, {"to": "2026-03-02"}) == {}


def test_a_name_is_no_pattern():
    assert wanted_by("SELECT {to:Date}", {"t.": "2026-03-02"}) == {}


def test_a_parameter_without_a_value_is_named_as_it_is_given():
    words = refusal("Substitution `to` is not set. (UNKNOWN_QUERY_PARAMETER)")
    assert words == "the SQL has a parameter without a value: give it by --param to=..."


def test_other_words_of_clickhouse_stay_as_they_are():
    assert refusal("Unknown table nowhere. (UNKNOWN_TABLE)") == "Unknown table nowhere. (UNKNOWN_TABLE)"
