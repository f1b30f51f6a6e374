from __future__ import annotations

import pytest
from tests.chaos.faults import FAULTS
from tests.chaos.plan import Planned
from tests.chaos.report import MARKDOWN_HEAD, markdown_faults, markdown_row, of_run
from tests.chaos.run import Injected, Outcome


@pytest.fixture
def outcome() -> Outcome:
    """A run in which one of two faults of the first kind has struck."""
    planned = Planned(at_s=5.0, fault=FAULTS[0], lasting_s=1.0, chance=0.5)
    return Outcome(
        seed=7,
        injected=[Injected(planned, struck=True), Injected(planned, struck=False)],
        accepted=1200,
        without_2xx=30,
        rows={"stored": 1000, "duplicate": 210},
        load_s=60.0,
        drain_s=3.4,
    )


def test_a_fault_that_did_not_strike_is_not_counted_as_survived(outcome: Outcome):
    lines = list(of_run(outcome))
    assert lines[0] == "seed 7: 1 faults in 60 s of load"
    [of_kind] = [line for line in lines if line.startswith(FAULTS[0].name)]
    assert of_kind.split()[-2:] == ["2", "1"]


def test_a_run_in_which_all_is_exact_says_so(outcome: Outcome):
    lines = list(of_run(outcome))
    assert "1,200 events accepted, 30 without a 2xx; 1,210 rows: stored 1,000, duplicate 210" in lines
    assert lines[-1] == "every accepted event is one row, and all that is made of the rows agrees"


def test_what_is_wrong_comes_last(outcome: Outcome):
    outcome.wrong = ["event a has 2 rows"]
    assert list(of_run(outcome))[-2:] == ["WRONG:", "  event a has 2 rows"]


def test_a_run_is_a_row_of_the_table_in_markdown(outcome: Outcome):
    row = markdown_row(outcome)
    assert row == "| 7 | 1 | 1,200 | 30 | 1,210 | 3 s | exact |\n"
    assert {line.count("|") for line in MARKDOWN_HEAD.splitlines()} == {row.count("|")}
    outcome.wrong = ["a", "b"]
    assert markdown_row(outcome).endswith("| 2 violations |\n")


def test_the_table_of_faults_has_every_kind_and_the_sum_of_all_runs(outcome: Outcome):
    table = markdown_faults([outcome, outcome]).splitlines()
    assert len(table) == 2 + len(FAULTS) + 1
    assert table[2] == f"| {FAULTS[0].name} | 2 |"
    assert table[3] == f"| {FAULTS[1].name} | 0 |"
    assert table[-1] == "| all | 2 |"
