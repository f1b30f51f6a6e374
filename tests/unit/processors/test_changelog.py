"""What stands on the changelog is read back as it was written, and a store knows when it must start over."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from sluice.processors.changelog import (
    LONGEST_ABSENCE_MS,
    Changes,
    Position,
    changes_of,
    encode,
    encode_time,
    records_of,
    why_start_over,
)
from sluice.processors.journal import Marker
from sluice.processors.state import Entry

NOW = 1_800_000_000_000
POSITION = Position("the topic", 50, NOW)


@dataclass
class Recorded:
    key: bytes | None
    value: bytes | None


def test_changes_and_marker_are_read_back():
    changes = {b"a": Entry(b"value", 7), b"marker": Entry(b""), b"s": None}
    records = [Recorded(*record) for record in records_of(changes, Marker("raw", 3))]
    assert changes_of(records) == Changes(changes, Marker("raw", 3))


def test_the_marker_comes_last():
    *_, (key, _) = records_of({b"z": Entry(b"v")}, Marker("raw", 3))
    assert key == b"marker"


def test_the_latest_change_of_a_key_and_the_latest_marker_hold():
    commits: list[tuple[dict[bytes, Entry | None], int]] = [
        ({b"a": Entry(b"1"), b"b": Entry(b"1")}, 1),
        ({b"a": None}, 2),
        ({b"b": Entry(b"2")}, 3),
    ]
    records = [Recorded(*r) for changes, offset in commits for r in records_of(changes, Marker("raw", offset))]
    assert changes_of(records) == Changes({b"a": None, b"b": Entry(b"2")}, Marker("raw", 3))


def test_an_entrys_bytes_begin_with_the_time_of_its_forgetting():
    assert encode(Entry(b"value", 258)) == b"\0\0\0\0\0\0\1\2value"
    assert encode(Entry(b"")) == bytes(8)


def test_times_sort_as_their_bytes_do():
    times = [0, 1, 255, 256, 2**32 - 1, 2**32, NOW, 2**64 - 1]
    assert sorted(times, key=encode_time) == times


def test_records_without_a_marker_change_none():
    assert changes_of([]) == Changes({}, None)


def test_keys_of_another_version_are_passed_over():
    assert changes_of([Recorded(b"new thing", b"x"), Recorded(None, b"x")]) == Changes({}, None)


@pytest.mark.parametrize("held", [range(50, 50), range(50, 80), range(50)], ids=["empty", "from here", "up to here"])
def test_a_store_goes_on_where_the_changelog_holds_its_next_offset(held: range):
    assert why_start_over(POSITION, "the topic", held, NOW) is None


@pytest.mark.parametrize(
    ("position", "held", "why"),
    [
        (POSITION, range(49), "ends at 49"),
        (POSITION, range(51, 80), "starts at 51"),
        (msgspec.structs.replace(POSITION, topic_id="another"), range(80), "made anew"),
        (msgspec.structs.replace(POSITION, layout=0), range(80), "form 0"),
        (msgspec.structs.replace(POSITION, complete_at=NOW - LONGEST_ABSENCE_MS), range(80), "12 hours ago"),
        (msgspec.structs.replace(POSITION, complete_at=NOW + LONGEST_ABSENCE_MS), range(80), "12 hours ago"),
    ],
)
def test_a_store_that_would_miss_something_starts_over(position: Position, held: range, why: str):
    reason = why_start_over(position, "the topic", held, NOW)
    assert reason is not None
    assert why in reason


def test_a_store_that_was_away_for_a_little_less_goes_on():
    away = msgspec.structs.replace(POSITION, complete_at=NOW - LONGEST_ABSENCE_MS + 1)
    assert why_start_over(away, "the topic", range(80), NOW) is None
