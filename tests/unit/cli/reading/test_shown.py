"""What senders wrote, on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sluice.cli.reading.shown import moment, number, printable, table


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
