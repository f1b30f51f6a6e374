"""Which texts are moments, and which moments they are."""

from __future__ import annotations

import json
import re
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.iso8601 import PATTERN, UTC_PATTERN, is_utc, milliseconds

AT = 1771237800000
"""2026-02-16T10:30:00Z"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-16T10:30:00.000Z", AT),
        ("2026-02-16T10:30:00Z", AT),
        ("2026-02-16T10:30Z", AT),
        ("2026-02-16T10:30:00+00:00", AT),
        ("2026-02-16T10:30:00-00:00", AT),
        ("2026-02-16T12:30:00+02:00", AT),
        ("2026-02-16T12:30:00+0200", AT),
        ("2026-02-16T12:30:00+02", AT),
        ("2026-02-16T12:30+02", AT),
        ("2026-02-16T05:00:00.000-05:30", AT),
        ("2026-02-17T10:29:00+23:59", AT),
        ("2026-02-16T10:30:00.5Z", AT + 500),
        ("2026-02-16T10:30:00,5Z", AT + 500),
        ("2026-02-16T10:30:00.123456789Z", AT + 123),
        ("2026-02-16T10:30:00.9999999999Z", AT + 999),
        ("2026-02-16T10:30:00." + "9" * 10_000 + "Z", AT + 999),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.9995Z", -1),
        ("2024-02-29T00:00:00Z", 1709164800000),
        ("0001-01-01T00:00:00+23:59", -62135683140000),
        ("9999-12-31T23:59:59.999-23:59", 253402387139999),
    ],
)
def test_a_moment_is_read_in_milliseconds(text: str, expected: int):
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["2026-02-16T10:30", "2026-02-16T10:30:00", "2026-02-16T10:30:00.000"],
)
def test_without_an_offset_it_is_in_utc(text: str):
    assert milliseconds(text) == AT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "now",
        "1771237800000",
        "2026-02-16",
        "2026-02-16Z",
        "2026-02",
        "2026-02-16T10Z",
        "2026-02-16 10:30:00Z",
        "2026-02-16t10:30:00Z",
        "2026-02-16T10:30:00z",
        " 2026-02-16T10:30:00Z",
        "2026-02-16T10:30:00Z ",
        "2026-02-16T10:30:00Z\n",
        "2026-02-16T10:30:00\0Z",
        "20260216T103000Z",
        "2026-02-16T103000Z",
        "2026-W08-1T10:30:00Z",
        "2026-047T10:30:00Z",
        "+002026-02-16T10:30:00Z",
        "26-02-16T10:30:00Z",
        "2026-2-16T10:30:00Z",
        "2026-02-16T10:30:00.Z",
        "2026-02-16T10:30.5Z",
        "2026-02-16T10:30:00ZZ",
        "2026-02-16T10:30:00 Z",
        "2026-02-16T10:30:00+2",
        "2026-02-16T10:30:00+02:0",
        "2026-02-16T10:30:00+02:00:00",
        "2026-02-16T10:30:00 UTC",
        "٢٠٢٦-02-16T10:30:00Z",
        "Mon, 16 Feb 2026 10:30:00 GMT",
    ],
)
def test_another_form_is_no_moment(text: str):
    assert milliseconds(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z",
        "2026-00-16T10:30:00Z",
        "2026-13-16T10:30:00Z",
        "2026-02-00T10:30:00Z",
        "2026-02-30T10:30:00Z",
        "2025-02-29T10:30:00Z",
        "2026-02-16T24:00:00Z",
        "2026-02-16T25:00:00Z",
        "2026-02-16T10:60:00Z",
        "2026-02-16T10:30:61Z",
        "2026-02-16T10:30:00+24:00",
        "2026-02-16T10:30:00+05:60",
        "2026-02-16T10:30:00-99:99",
    ],
)
def test_what_no_calendar_and_no_clock_shows_is_no_moment(text: str):
    assert milliseconds(text) is None


def test_a_leap_second_has_no_place_in_milliseconds_since_1970():
    assert milliseconds("2016-12-31T23:59:60Z") is None


@given(st.datetimes(timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))))
def test_what_python_writes_is_read_exactly(moment: datetime):
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert milliseconds(moment.isoformat()) == expected


@given(st.text())
def test_no_text_is_an_error(text: str):
    milliseconds(text)
    milliseconds(json.dumps(text))


@pytest.mark.parametrize("text", ["2026-02-16T10:30:00Z", "2026-02-16T10:30:00+00:00"])
def test_z_and_a_zero_offset_say_utc(text: str):
    assert is_utc(text)


@pytest.mark.parametrize("offset", ["", "z", "+01:00", "-00:00", "+0000", "+00", "+00:00 ", "Z\n"])
def test_anything_else_does_not_say_utc(offset: str):
    assert not is_utc("2026-02-16T10:30:00" + offset)


# Days that every month has, in years that Python has: all that a pattern cannot say.
_every_month = st.from_regex(r"\A(?!0000)[0-9]{4}-[0-9]{2}-(0[1-9]|1[0-9]|2[0-8])T", alphabet=string.printable)
_clock = st.from_regex(r"\A[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,:][0-9]*)?)?\Z", alphabet=string.printable)
_offset = st.from_regex(r"\A([Zz ]|[+-][0-9]{2}(:?[0-9]{2})?)?\Z", alphabet=string.printable)


@given(_every_month.map(lambda date: date[:11]), _clock, _offset)
def test_the_patterns_match_what_is_read_and_nothing_else(date: str, clock: str, offset: str):
    text = date + clock + offset
    assert bool(re.fullmatch(PATTERN, text)) == (milliseconds(text) is not None)
    assert bool(re.fullmatch(UTC_PATTERN, text)) == (milliseconds(text) is not None and is_utc(text))
