"""Killing a worker in a chosen gap: the run arms a step, and the first worker that reaches it ends itself there.

An armed step is a file. Whoever reaches the step moves the file, which only one can, and then kills itself: so the
moved file proves that the step was reached, and tells by whom.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.faults import Step


class Steps:
    """The steps that are armed, as files in a directory that the run and its workers share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def arm(self, step: Step) -> None:
        """Have the next worker that reaches this step end there."""
        (self._directory / f"struck-{step.name}").unlink(missing_ok=True)
        self._armed(step).touch()

    def disarm(self, step: Step) -> None:
        """Let workers pass, if none has reached the step yet."""
        self._armed(step).unlink(missing_ok=True)

    def struck(self, step: Step) -> bool:
        """Tell whether a worker has ended there since the step was armed."""
        return (self._directory / f"struck-{step.name}").exists()

    def is_armed(self, step: Step) -> bool:
        """Tell whether the next worker will end there."""
        return self._armed(step).exists()

    def reach(self, step: Step) -> None:
        """End this process with SIGKILL if the step is armed."""
        try:
            self._armed(step).rename(self._directory / f"struck-{step.name}")
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def _armed(self, step: Step) -> Path:
        return self._directory / f"armed-{step.name}"
