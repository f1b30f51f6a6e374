"""Isolation: of a block that ClickHouse refuses, the rows that it is refused for are found, and no others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOW, TOPIC, processed_line

from sluice.contract.errors import Reject, Retry
from sluice.contract.event import Outcome, Stage
from sluice.contract.processed import UserChange
from sluice.sinks.block import Block, RawResult
from sluice.sinks.isolation import refused_forms, without_refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sluice.contract.processed import Processed


class FixedTrial:
    """Refuses rows by a rule, and counts how often it was asked."""

    def __init__(self, refuses: Callable[[Processed], bool]) -> None:
        self._refuses = refuses
        self.trials = 0

    async def trial(self, lines: Sequence[Processed]) -> None:
        self.trials += 1
        if any(self._refuses(line) for line in lines):
            raise Reject("too large")


def is_stored(line: Processed) -> bool:
    return line.outcome is Outcome.STORED


def at(places: Collection[int]) -> Callable[[Processed], bool]:
    """Refuse the lines of these offsets as long as they hold what was sent."""
    return lambda line: is_stored(line) and line.source.offset in places


def block(rows: int) -> Block:
    return Block([RawResult(TOPIC, 0, offset, NOW, [processed_line(offset)], 100) for offset in range(rows)])


def refused(lines: Sequence[Processed]) -> list[int]:
    return [line.source.offset for line in lines if not is_stored(line)]


async def test_one_bad_row_is_rejected_and_the_others_stay_as_they_are():
    mended = await without_refused(block(5), FixedTrial(at({3})))
    assert refused(mended.lines) == [3]
    assert [line for line in mended.lines if is_stored(line)] == [processed_line(n) for n in (0, 1, 2, 4)]
    assert (mended.first, mended.last) == (0, 4)


async def test_rows_of_one_raw_record_are_told_apart():
    lines = [processed_line(7, number) for number in range(3)]
    mended = await without_refused(
        Block([RawResult(TOPIC, 0, 6, NOW, [processed_line(6)], 100), RawResult(TOPIC, 0, 7, NOW, lines, 100)]),
        FixedTrial(lambda line: is_stored(line) and line.source.line == 1),
    )
    assert [(line.source.offset, line.source.line) for line in mended.lines if not is_stored(line)] == [(7, 1)]
    assert [result.offset for result in mended.results] == [6, 7]


@given(st.integers(1, 60), st.data())
async def test_exactly_the_bad_rows_are_found_in_few_trials(rows: int, data: st.DataObject):
    bad = data.draw(st.sets(st.integers(0, rows - 1), min_size=1))
    trial = FixedTrial(at(bad))
    assert refused((await without_refused(block(rows), trial)).lines) == sorted(bad)
    assert trial.trials <= 1 + len(bad) * (2 * math.ceil(math.log2(rows)) + 2)


@pytest.mark.parametrize(("bad", "most"), [(0, 35), (24_999, 34), (49_999, 19)])
async def test_one_bad_row_of_50_000_is_found_in_few_trials(bad: int, most: int):
    trial = FixedTrial(at({bad}))
    assert refused((await without_refused(block(50_000), trial)).lines) == [bad]
    assert trial.trials <= most


async def test_a_block_of_bad_rows_alone_is_rejected_row_by_row():
    mended = await without_refused(block(4), FixedTrial(is_stored))
    assert refused(mended.lines) == [0, 1, 2, 3]


async def test_where_no_row_passes_whatever_it_holds_it_is_the_table():
    with pytest.raises(Retry, match="whatever they hold"):
        await without_refused(block(4), FixedTrial(lambda _: True))


async def test_where_all_rows_pass_it_is_the_table():
    with pytest.raises(Retry, match="though it would take its rows"):
        await without_refused(block(4), FixedTrial(lambda _: False))


async def test_a_row_that_passes_when_it_is_tried_again_is_not_rejected():
    class Passing(FixedTrial):
        async def trial(self, lines: Sequence[Processed]) -> None:
            if self.trials < 3:
                await super().trial(lines)

    with pytest.raises(Retry, match="takes now"):
        await without_refused(block(4), Passing(at({0})))


async def test_a_neighbour_that_goes_away_meanwhile_is_waited_for():
    class Leaving(FixedTrial):
        async def trial(self, lines: Sequence[Processed]) -> None:
            if len(lines) == 1:
                raise Retry("connection refused")
            await super().trial(lines)

    with pytest.raises(Retry, match="connection refused"):
        await without_refused(block(4), Leaving(at({0})))


def test_a_refused_row_keeps_its_coordinates_its_id_and_what_was_sent_and_nothing_else():
    line = processed_line(7, 3, replay=2, user_change=UserChange(email="a@b.c"))
    line = msgspec.structs.replace(line, event=msgspec.structs.replace(line.event, user_id="u", ip="192.0.2.1"))
    known, bare = refused_forms(line, "too large")
    for form in (known, bare):
        assert (form.outcome, form.stage) == (Outcome.INVALID, Stage.SINK)
        assert form.reason == "ClickHouse refuses it: too large"
        assert form.source == line.source
        assert form.event.event_id == line.event.event_id
        assert (form.event.user_id, form.event.ip, form.user_change) == ("", "", None)
    assert (known.project, known.api, known.replay, known.payload) == ("demo", "pulse", 2, line.payload)
    assert (known.event.event_type, known.event.timestamp) == ("page_view", line.event.timestamp)
    assert (bare.project, bare.api, bare.replay, bare.payload_bytes()) == ("", "", 2, b"null")


async def test_a_row_whose_payload_is_refused_is_rejected_without_it():
    mended = await without_refused(block(2), FixedTrial(lambda line: line.payload_bytes() != b"null"))
    assert [line.payload_bytes() for line in mended.lines] == [b"null", b"null"]
