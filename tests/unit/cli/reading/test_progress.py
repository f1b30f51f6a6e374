"""How far the sinks and the processors are, read from the ends of what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.reading.partition_log import Committed, MemoryPartitionLog

from sluice.cli.reading.progress import last_marker, marks_near_ends
from sluice.processors.changelog import records_of
from sluice.processors.journal import Marker
from sluice.processors.state import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping


def changelog(*commits: tuple[int, int]) -> Committed:
    """Commits up to an offset, with so many changes of state each."""
    committed = Committed()
    for offset, changes in commits:
        entries = {str(number).encode(): Entry(b"v") for number in range(changes)}
        committed.add(*records_of(entries, Marker("t", offset)))
    return committed


async def found(committed: Committed, start: int = 0) -> tuple[Marker | None, list[range]]:
    log = MemoryPartitionLog(committed.records)
    return await last_marker(log, range(start, committed.stop)), log.asked


async def test_the_last_marker_counts():
    assert await found(changelog((3, 0), (9, 0))) == (Marker("t", 9), [range(4)])


async def test_only_the_end_is_read():
    committed = changelog(*((offset, 1) for offset in range(100)))
    assert await found(committed) == (Marker("t", 99), [range(292, 300)])


async def test_more_is_read_while_no_marker_is_there():
    committed = changelog((3, 2))
    for offset in range(committed.stop, committed.stop + 20):
        committed.records.pop(offset, None)
    committed.stop += 20
    assert await found(committed) == (Marker("t", 3), [range(16, 24), range(24)])


async def test_a_changelog_without_a_marker_has_none():
    assert await found(Committed()) == (None, [range(0)])
    assert await found(changelog((3, 0)), start=2) == (None, [range(2, 2)])


class Marks:
    """A table with these marks, that remembers from which offsets on it was asked for them."""

    def __init__(self, marks: Mapping[int, int]) -> None:
        self._marks = marks
        self.asked: list[int] = []

    async def marks_from(self, offset: int) -> Mapping[int, int]:
        self.asked.append(offset)
        return {partition: mark for partition, mark in self._marks.items() if mark >= offset}


async def test_the_mark_of_a_partition_that_keeps_up_is_found_at_once():
    table = Marks({0: 99_999})
    assert await marks_near_ends(table.marks_from, {0: range(100_000)}) == {0: 99_999}
    assert table.asked == [99_992]


async def test_marks_are_looked_for_farther_back_until_each_is_found():
    table = Marks({0: 99_999, 1: 99_900})
    held = {0: range(100_000), 1: range(100_000)}
    assert await marks_near_ends(table.marks_from, held) == {0: 99_999, 1: 99_900}
    assert table.asked == [99_992, 99_936, 99_488]


@pytest.mark.parametrize("mark", [None, 4])
async def test_what_is_stored_of_none_of_the_offsets_is_sought_down_to_the_first(mark: int | None):
    table = Marks({} if mark is None else {0: mark})
    assert await marks_near_ends(table.marks_from, {0: range(5, 100)}) == {}
    assert table.asked == [92, 36, 5]


async def test_a_mark_beyond_the_end_is_found_too():
    table = Marks({0: 200})
    assert await marks_near_ends(table.marks_from, {0: range(100)}) == {0: 200}


@pytest.mark.parametrize("held", [{}, {0: range(7, 7)}])
async def test_of_no_offsets_nothing_is_asked(held: Mapping[int, range]):
    table = Marks({0: 3})
    assert await marks_near_ends(table.marks_from, held) == {}
    assert table.asked == []
