"""Which faults strike when: a function of the seed, so that a run can be repeated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.faults import FAULTS, SESSION_TIMEOUT_S, Act

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.faults import Fault

FIRST_AT_S = 5.0
"""By then every client sends."""
QUIET_S = 10.0
"""Before the end no new fault begins."""
SPACING_S = 4.5
"""From one fault to the next, on average: most last longer, so several are at work at a time."""

LASTING_S: dict[Act, tuple[float, float]] = {
    Act.KILL: (0.0, 5.0),
    Act.PAUSE: (SESSION_TIMEOUT_S + 1, SESSION_TIMEOUT_S + 4),
    Act.TAKE_OVER: (SESSION_TIMEOUT_S + 4, SESSION_TIMEOUT_S + 8),
    Act.JOIN: (5.0, 15.0),
    Act.DEPLOY: (0.0, 3.0),
    Act.CUT: (0.5, 8.0),
    Act.CUT_MARK: (0.0, 0.0),
    Act.LATE: (6.0, 10.0),
    Act.KILL_STORE: (0.0, 0.05),
    Act.STEP: (0.0, 3.0),
}
"""The shortest and the longest time, in seconds, that what a fault does is left to work."""


@dataclass(frozen=True)
class Planned:
    """A fault of a run: when it begins, in seconds since the load began, and for how long it lasts.

    `chance`, from 0 to 1, decides whatever else the fault leaves open.
    """

    at_s: float
    fault: Fault
    lasting_s: float
    chance: float


def plan(seed: int, duration_s: float) -> list[Planned]:
    """Plan a run, in the order of time.

    Every kind has its turn before one comes again, so a run of three minutes has them all.
    """
    random = Random(seed)
    count = max(0, int((duration_s - FIRST_AT_S - QUIET_S) / SPACING_S))
    kinds = _by_turns(random)
    return [_planned(random, number, next(kinds)) for number in range(count)]


def _by_turns(random: Random) -> Iterator[Fault]:
    while True:
        yield from random.sample(FAULTS, len(FAULTS))


def _planned(random: Random, number: int, fault: Fault) -> Planned:
    at_s = FIRST_AT_S + (number + random.random()) * SPACING_S
    return Planned(at_s, fault, random.uniform(*LASTING_S[fault.act]), random.random())
