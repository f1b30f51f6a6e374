"""Blocks: whole raw records of one month, bounded in rows and bytes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOW, TOPIC, processed_line

from sluice.contract import ndjson, processed
from sluice.sinks.block import BLOCK_ROWS, Block, RawResult, cut, read

if TYPE_CHECKING:
    import pytest

JULY = 1_782_864_000_000 - 1
AUGUST = JULY + 1 + 31 * 24 * 3600 * 1000


def result(offset: int, rows: int = 1, size: int = 100, timestamp: int = NOW) -> RawResult:
    lines = [processed_line(offset, line, source_timestamp=timestamp) for line in range(rows)]
    return RawResult(TOPIC, 0, offset, timestamp, lines, size)


def bounds(blocks: list[Block]) -> list[tuple[int, int]]:
    return [(block.first, block.last) for block in blocks]


def test_the_lines_of_one_record_are_put_together_by_the_raw_record_they_came_from():
    lines = [processed_line(7, 0), processed_line(7, 1), processed_line(8, 0)]
    results = read(ndjson.join(processed.encode(line) for line in lines))
    assert [(r.topic_id, r.partition, r.offset, r.timestamp) for r in results] == [
        (TOPIC, 0, 7, NOW),
        (TOPIC, 0, 8, NOW),
    ]
    assert [r.lines for r in results] == [lines[:2], lines[2:]]


def test_the_results_of_any_raw_record_fit_into_a_block():
    assert ndjson.MAX_LINES <= BLOCK_ROWS


def test_a_line_of_somebody_elses_is_left_out_loudly(caplog: pytest.LogCaptureFixture):
    foreign_topic = processed.encode(processed_line(8, topic="not a UUID"))
    value = ndjson.join([processed.encode(processed_line(7)), b"{}", b"\xff", foreign_topic])
    with caplog.at_level(logging.ERROR):
        assert [r.offset for r in read(value)] == [7]
    assert caplog.text.count("somebody else wrote to events.processed") == 3


def test_results_that_fit_share_a_block():
    assert bounds(list(cut([result(0), result(1), result(2)]))) == [(0, 2)]


def test_a_block_ends_before_it_has_too_many_rows():
    assert bounds(list(cut([result(0, 3), result(1, 3), result(2, 3)], rows=6))) == [(0, 1), (2, 2)]


def test_a_block_ends_before_it_has_too_many_bytes():
    assert bounds(list(cut([result(0, size=60), result(1, size=40), result(2, size=1)], size=100))) == [
        (0, 1),
        (2, 2),
    ]


def test_a_raw_record_over_the_limits_stands_alone():
    assert bounds(list(cut([result(0), result(1, 9), result(2)], rows=5))) == [(0, 0), (1, 1), (2, 2)]


def test_a_block_is_of_one_month():
    blocks = list(cut([result(0, timestamp=AUGUST - 1), result(1, timestamp=AUGUST), result(2, timestamp=AUGUST)]))
    assert bounds(blocks) == [(0, 0), (1, 2)]


def test_a_block_stays_under_what_clickhouse_splits():
    assert BLOCK_ROWS < 65_000


def test_the_token_is_bound_to_where_the_block_starts_and_not_to_where_it_ends():
    assert Block([result(5)]).token(0) == Block([result(5), result(6)]).token(0) == f"{TOPIC}/0/5"
    assert Block([result(5)]).token(2) == f"{TOPIC}/0/5~2"


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 300)), max_size=30))
def test_every_result_is_in_exactly_one_block_and_in_order(sizes: list[tuple[int, int]]):
    results = [result(offset, rows, size) for offset, (rows, size) in enumerate(sizes)]
    blocks = list(cut(results, rows=10, size=500))
    assert [r for block in blocks for r in block.results] == results
    for block in blocks:
        assert len(block.results) == 1 or (
            sum(len(r.lines) for r in block.results) <= 10 and sum(r.size for r in block.results) <= 500
        )
