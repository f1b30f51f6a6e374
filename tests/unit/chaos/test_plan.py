from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from tests.chaos.faults import FAULTS, SESSION_TIMEOUT_S, Act
from tests.chaos.plan import FIRST_AT_S, LASTING_S, QUIET_S, SPACING_S, plan

CI_S = 180.0
SEEDS = range(1, 11)
SHORTEST_S = FIRST_AT_S + SPACING_S + QUIET_S
"""Of a run with a fault."""


def test_a_seed_gives_the_same_plan_again_and_another_seed_another():
    assert plan(7, CI_S) == plan(7, CI_S)
    assert plan(7, CI_S) != plan(8, CI_S)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_of_three_minutes_has_every_kind_of_fault(seed: int):
    assert {planned.fault for planned in plan(seed, CI_S)} == set(FAULTS)


def test_over_ten_seeds_every_kind_comes_five_times_and_all_together_a_hundred():
    counts = Counter(planned.fault for seed in SEEDS for planned in plan(seed, CI_S))
    assert min(counts[fault] for fault in FAULTS) >= 5
    assert counts.total() >= 100


def test_no_kind_comes_again_before_all_have_had_their_turn():
    kinds = [planned.fault for planned in plan(3, 600)]
    assert len(kinds) > 2 * len(FAULTS)
    for begin in range(0, len(kinds), len(FAULTS)):
        turn = kinds[begin : begin + len(FAULTS)]
        assert len(set(turn)) == len(turn)


def test_faults_come_in_the_order_of_time_and_none_in_the_quiet_end():
    times = [planned.at_s for planned in plan(5, CI_S)]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert times[0] > 0
    assert times[-1] <= CI_S - QUIET_S


@pytest.mark.parametrize("duration_s", [0.0, 1.0, FIRST_AT_S + QUIET_S, SHORTEST_S - 0.1])
def test_a_run_too_short_for_a_fault_has_none(duration_s: float):
    assert plan(1, duration_s) == []


def test_the_shortest_run_with_a_fault_has_one():
    assert len(plan(1, SHORTEST_S)) == 1


def test_pauses_outlast_the_session_time_out():
    paused = [planned for planned in plan(2, 600) if planned.fault.act in {Act.PAUSE, Act.TAKE_OVER}]
    assert paused
    assert all(planned.lasting_s > SESSION_TIMEOUT_S for planned in paused)


def test_each_fault_lasts_as_long_as_its_act_may():
    for planned in plan(4, 600):
        shortest, longest = LASTING_S[planned.fault.act]
        assert shortest <= planned.lasting_s <= longest
        assert 0 <= planned.chance < 1


def test_every_kind_has_a_name_of_its_own():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
