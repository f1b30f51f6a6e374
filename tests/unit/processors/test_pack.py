"""Packing decided lines into output records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.factories import processed_line

from sluice.contract import ndjson, processed
from sluice.processors.pack import pack

LINE = len(processed.encode(processed_line())) + 1


def test_nothing_gives_no_record():
    assert list(pack([])) == []


def test_raw_records_that_fit_share_an_output_record():
    assert [len(ndjson.split(v)) for v in pack([[processed_line(n)] for n in range(4)], limit=2 * LINE)] == [2, 2]


def test_the_lines_of_a_larger_raw_record_stay_together():
    decided = [[processed_line(0)], [processed_line(1, n) for n in range(5)], [processed_line(2)]]
    assert [len(ndjson.split(v)) for v in pack(decided, limit=2 * LINE)] == [1, 5, 1]


@given(st.lists(st.integers(1, 6), max_size=20), st.integers(1, 10))
def test_every_line_comes_out_once_and_in_order(sizes: list[int], lines: int):
    decided = [[processed_line(offset, n) for n in range(size)] for offset, size in enumerate(sizes)]
    packed = [processed.decode(text) for value in pack(decided, limit=lines * LINE) for text in ndjson.split(value)]
    assert packed == [line for record in decided for line in record]
