"""The rows of `sluice query`."""

from __future__ import annotations

import pytest

from sluice.cli.query import parse_rows


def test_rows_are_taken_apart():
    answer = b'["n","name"]\n["UInt64","String"]\n["1","a\\tb"]\n["2",""]\n'
    assert parse_rows(answer) == (["n", "name"], ["UInt64", "String"], [["1", "a\tb"], ["2", ""]])


@pytest.mark.parametrize("answer", [b"", b"1\t2\n", b'{"a":1}\n{"a":2}\n', b"1\n2\n", b'["a"]\n'])
def test_an_answer_in_another_format_is_left_alone(answer):
    assert parse_rows(answer) is None
