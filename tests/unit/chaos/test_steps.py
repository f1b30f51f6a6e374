"""A process that passes steps ends itself at the one that is armed."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.chaos.faults import Step
from tests.chaos.steps import Steps

if TYPE_CHECKING:
    from pathlib import Path

PASSES_TWO = """
import sys
from pathlib import Path
from tests.chaos.faults import Step
from tests.chaos.steps import Steps
steps = Steps(Path(sys.argv[1]))
for step in (Step.BEGUN, Step.COMMITTED):
    steps.reach(step)
    print(step.name, flush=True)
"""


def pass_two(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a process that passes the steps BEGUN and COMMITTED, and says so after each."""
    return subprocess.run([sys.executable, "-c", PASSES_TWO, str(directory)], capture_output=True, text=True)


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "steps")


def test_a_process_passes_steps_that_are_not_armed(steps: Steps, tmp_path: Path):
    passed = pass_two(tmp_path / "steps")
    assert (passed.returncode, passed.stdout.split()) == (0, ["BEGUN", "COMMITTED"])
    assert not steps.struck(Step.COMMITTED)


def test_a_process_is_killed_at_the_armed_step_and_not_before(steps: Steps, tmp_path: Path):
    steps.arm(Step.COMMITTED)
    passed = pass_two(tmp_path / "steps")
    assert (passed.returncode, passed.stdout.split()) == (-signal.SIGKILL, ["BEGUN"])
    assert steps.struck(Step.COMMITTED)
    assert not steps.is_armed(Step.COMMITTED)


def test_the_process_after_it_passes(steps: Steps, tmp_path: Path):
    steps.arm(Step.COMMITTED)
    pass_two(tmp_path / "steps")
    assert pass_two(tmp_path / "steps").returncode == 0


def test_a_step_that_was_disarmed_is_passed_and_has_not_struck(steps: Steps, tmp_path: Path):
    steps.arm(Step.BEGUN)
    assert steps.is_armed(Step.BEGUN)
    steps.disarm(Step.BEGUN)
    assert pass_two(tmp_path / "steps").returncode == 0
    assert not steps.struck(Step.BEGUN)


def test_a_step_that_is_armed_again_has_not_struck_yet(steps: Steps, tmp_path: Path):
    steps.arm(Step.BEGUN)
    pass_two(tmp_path / "steps")
    steps.arm(Step.BEGUN)
    assert not steps.struck(Step.BEGUN)
