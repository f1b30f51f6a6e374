"""What senders wrote, on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sluice.cli.reading.shown import moment, number, print_rows, printable, table, vertical


@pytest.mark.parametrize("text", ["", "page_view", "größe 😀", "a" * 200])
def test_text_that_can_be_printed_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eabc", "\\u202eabc"),
        ("\x9b31m", "\\x9b31m"),
        ("\udc80", "\\udc80"),
        ("\0", "\\x00"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(text, shown):
    assert printable(text) == shown


def test_a_long_text_is_cut():
    assert printable("a" * 201) == "a" * 199 + "…"
    assert printable("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("ms", "shown"), [(0, "1970-01-01 00:00:00.000"), (1_795_000_000_001, "2026-11-18 11:06:40.001")]
)
def test_a_time_is_shown_to_the_millisecond(ms, shown):
    assert moment(ms) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 rows"), (1, "1 row"), (1234, "1,234 rows")])
def test_a_count_has_its_noun(count, shown):
    assert number(count, "row") == shown


def test_numbers_stand_on_the_right_and_markup_is_not_read():
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(table(["n", "[red]name"], ["UInt64", "String"], [["1", "[b]x"], ["100", "y"]]))
    text = console.export_text()
    assert "│   1 │ [b]x      │" in text
    assert "[red]name" in text


ID = "01a1ff0d-577a-76b2-aedf-21b1da8b574d"
NAMES, TYPES = ["n", "id", "text"], ["UInt64", "UUID", "String"]
ROWS_WIDTH = 1 + (len("11,200") + 3) + (len(ID) + 3)  # without the column of text


def on_terminal(width: int, text: str) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    print_rows(console, NAMES, TYPES, [["11,200", ID, text]])
    return console.export_text()


@pytest.mark.parametrize("width", [20, 80, ROWS_WIDTH + 38, ROWS_WIDTH + 39, 120])
def test_no_terminal_is_so_narrow_that_a_number_or_an_id_is_folded(width):
    shown = on_terminal(width, "many words " * 18)
    assert "11,200" in shown
    assert ID in shown


def test_a_long_text_is_folded_where_the_table_fits():
    shown = on_terminal(ROWS_WIDTH + 39, "x" * 37)
    assert all(len(line) == ROWS_WIDTH + 39 for line in shown.splitlines())
    assert "│ " + "x" * 36 + " │" in shown


def test_rows_that_have_no_room_side_by_side_stand_one_below_the_other():
    assert "│" not in on_terminal(ROWS_WIDTH + 38, "x" * 37)
    assert str(vertical(["n", "name"], [["1", "[b]x"], ["100", ""]])) == "n     1\nname  [b]x\n\nn     100\nname"


def test_a_table_without_rows_shows_its_names_on_any_terminal():
    console = Console(width=20, record=True, file=io.StringIO())
    print_rows(console, ["first", "second", "third"], ["String"] * 3, [])
    assert "fir" in console.export_text()
