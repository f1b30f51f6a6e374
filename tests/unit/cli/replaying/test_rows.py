"""Which rejected events may be sent in again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cli.replaying.events import row

from sluice.cli.replaying.rows import REPLAYABLE, Candidate, why_not
from sluice.processors import decide


def candidate(*, last_replay: int | None = None, stored: bool = False, **changes: Any) -> Candidate:
    rejected = row(**changes)
    return Candidate(rejected, 100, rejected.replay if last_replay is None else last_replay, stored, refusals=0)


@pytest.mark.parametrize("outcome", ["bot", "invalid"])
def test_a_bot_and_an_invalid_event_may_be(outcome: str):
    assert why_not(candidate(outcome=outcome), 3) is None


@pytest.mark.parametrize("outcome", ["duplicate", "throttled", "stored"])
def test_what_lost_to_another_event_stays_so(outcome: str):
    assert why_not(candidate(outcome=outcome), 3) == f"{outcome}: it lost to another event, and that stays so"


def test_processors_keep_whole_what_may_be_replayed():
    assert set(REPLAYABLE) == decide.REPLAYABLE


def test_what_was_stored_since_may_not_be():
    assert why_not(candidate(stored=True), 3) == "it was sent in again since, and stored"


def test_only_the_highest_replay_counts():
    assert why_not(candidate(replay=1, last_replay=2), 3) == (
        "it was sent in again since, and something else became of it"
    )
    assert why_not(candidate(replay=2, last_replay=2), 3) is None


@pytest.mark.parametrize(("replay", "most", "may"), [(0, 1, True), (1, 1, False), (2, 3, True), (3, 3, False)])
def test_an_event_is_sent_in_again_only_so_often(replay: int, most: int, may: bool):
    assert (why_not(candidate(replay=replay), most) is None) is may


def test_it_is_said_how_often_an_event_was_sent_in_again():
    assert why_not(candidate(replay=1), 1) == "it was sent in again 1 time; --max-replays allows no more"
    assert why_not(candidate(replay=2), 2) == "it was sent in again 2 times; --max-replays allows no more"


@pytest.mark.parametrize(("replay", "may"), [(0, True), (2, True), (3, False)])
def test_what_clickhouse_refused_may_be_sent_in_again_as_often_as_anything_else(replay: int, may: bool):
    assert (why_not(candidate(outcome="invalid", stage="sink", replay=replay), 3) is None) is may
