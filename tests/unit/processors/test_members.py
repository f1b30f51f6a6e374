"""How an event's members are taken apart."""

from __future__ import annotations

import msgspec
import pytest

from sluice.processors.rules.canonical.members import Members


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"1703001234567", 1703001234567), (b"1.9", 1), (b'"1970-01-01T00:00:02Z"', 2000), (b"null", None)],
)
def test_a_time_is_in_milliseconds_or_iso_8601(sent: bytes, expected: int | None):
    members = Members(b'{"at":%s}' % sent)
    assert members.time("at") == expected
    assert members.extra() == {}


def test_an_absent_time_is_none():
    assert Members(b"{}").time("at") is None


@pytest.mark.parametrize("sent", [b'"yesterday"', b'""', b"true", b"[]"])
def test_what_is_no_time_is_an_error(sent: bytes):
    with pytest.raises((ValueError, msgspec.ValidationError)):
        Members(b'{"at":%s}' % sent).time("at")
