"""The rows of `sluice query`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sluice.cli.query import parse_rows, sentence, table


def test_rows_are_taken_apart():
    answer = b'["n","name"]\n["UInt64","String"]\n["1","a\\tb"]\n["2",""]\n'
    assert parse_rows(answer) == (["n", "name"], ["UInt64", "String"], [["1", "a\tb"], ["2", ""]])


@pytest.mark.parametrize("answer", [b"", b"1\t2\n", b'{"a":1}\n{"a":2}\n', b"1\n2\n", b'["a"]\n'])
def test_an_answer_in_another_format_is_left_alone(answer):
    assert parse_rows(answer) is None


def test_numbers_stand_on_the_right_and_markup_is_not_read():
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(table(["n", "[red]name"], ["UInt64", "String"], [["1", "[b]x"], ["100", "y"]]))
    text = console.export_text()
    assert "│   1 │ [b]x      │" in text
    assert "[red]name" in text


SYNTAX = (
    "Received ClickHouse exception, code: 62, server response: Code: 62. DB::Exception: Syntax error: failed at "
    "position 1 (selec): selec 1. Maybe you meant: SELECT. Expected one of: Query, EXPLAIN. (SYNTAX_ERROR) "
    "(version 26.9.1.1 (official build)) (for url http://127.0.0.1:8123)"
)
REFUSED = (
    "HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded (Caused by NewConnectionError(\"x: "
    'Failed to establish a new connection: [Errno 111] Connection refused"))'
)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (SYNTAX, "Syntax error: failed at position 1 (selec): selec 1. Maybe you meant: SELECT. (SYNTAX_ERROR)"),
        (REFUSED, "Connection refused"),
        ("something else\nwith a second line", "something else"),
        ("", "ValueError"),
    ],
)
def test_an_error_becomes_one_sentence(message, words):
    assert sentence(ValueError(message)) == words
