"""A partition read window by window, while its log may lose its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.factories import TOPIC, raw_line, raw_record

from sluice.cli.auditing import windows as windows_module
from sluice.cli.auditing.windows import windows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import pytest

    from sluice.stream.lane import Record


class Log:
    """A partition; `start_later` is where it starts once it is asked."""

    def __init__(self, batches: Sequence[Sequence[Record]], start_later: int = 0) -> None:
        self._batches = batches
        self._start_later = start_later

    async def start(self) -> int:
        return self._start_later

    async def records(self, wanted: range) -> AsyncIterator[Sequence[Record]]:
        for batch in self._batches:
            assert all(record.offset in wanted for record in batch)
            yield batch


async def read(log: Log, wanted: range) -> list[tuple[int, int, list[int]]]:
    return [(w.first, w.stop, list(w.records)) async for w in windows(log, TOPIC, wanted, lambda count: None)]


async def test_a_short_log_is_one_window():
    assert await read(Log([[raw_record(5), raw_record(6)], [raw_record(7)]]), range(5, 8)) == [(5, 8, [5, 6, 7])]


async def test_an_empty_range_is_an_empty_window():
    assert await read(Log([]), range(5, 5)) == [(5, 5, [])]


async def test_a_window_ends_when_it_has_enough_records(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows_module, "WINDOW_RECORDS", 2)
    batches = [[raw_record(0)], [raw_record(1)], [raw_record(2)]]
    assert await read(Log(batches), range(3)) == [(0, 2, [0, 1]), (2, 3, [2])]


async def test_a_window_ends_when_it_has_enough_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows_module, "WINDOW_LINES", 3)
    batches = [[raw_record(0, *[raw_line()] * 2)], [raw_record(1)], [raw_record(2)]]
    assert await read(Log(batches), range(3)) == [(0, 2, [0, 1]), (2, 3, [2])]


async def test_an_offset_without_a_record_belongs_to_its_window():
    assert await read(Log([[raw_record(0), raw_record(2)]]), range(4)) == [(0, 4, [0, 2])]
    assert await read(Log([[raw_record(0)], [raw_record(2)]]), range(4)) == [(0, 4, [0, 2])]


async def test_what_retention_took_belongs_to_no_window():
    assert await read(Log([[raw_record(0)], [raw_record(5)]], start_later=5), range(6)) == [(0, 1, [0]), (5, 6, [5])]


async def test_records_in_hand_belong_to_a_window_though_retention_has_passed_them_since():
    batches = [[raw_record(0)], [raw_record(5), raw_record(6)], [raw_record(7)]]
    assert await read(Log(batches, start_later=6), range(8)) == [(0, 1, [0]), (5, 8, [5, 6, 7])]
    assert await read(Log(batches, start_later=9), range(8)) == [(0, 1, [0]), (5, 8, [5, 6, 7])]


async def test_a_log_that_retention_emptied_ends_where_it_was_read():
    assert await read(Log([[raw_record(0)]], start_later=9), range(6)) == [(0, 1, [0])]


async def test_progress_is_told_in_records():
    told: list[int] = []
    async for _ in windows(Log([[raw_record(0), raw_record(1)], [raw_record(2)]]), TOPIC, range(3), told.append):
        pass
    assert told == [2, 1]
