"""Which roll-ups have nothing of what the event log held before they were made."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sluice.cli.rebuilding.empty import empty_ones
from sluice.cli.rebuilding.rollup import called

if TYPE_CHECKING:
    from sluice.cli.rebuilding.comparing import Amounts, Counts

ROLLUPS = called(["minutes", "users"])
MONTH = 202611


class Deployment:
    """What the event log has for each roll-up, but for last blocks, and what each is made of."""

    def __init__(self, settled: Counts, rolled: Counts) -> None:
        self._settled = settled
        self._rolled = rolled
        self.asked_the_event_log = False

    async def settled(self) -> Counts:
        self.asked_the_event_log = True
        return self._settled

    async def rolled(self) -> Counts:
        return self._rolled

    async def stored(self) -> Counts:
        raise NotImplementedError

    async def amounts(self) -> tuple[Amounts, Amounts]:
        raise NotImplementedError

    async def expired(self) -> int:
        raise NotImplementedError


def counts(minutes: int = 0, users: int = 0) -> Counts:
    return Counter({("minutes", MONTH): minutes, ("users", 0): users})


@pytest.mark.parametrize(
    ("settled", "rolled", "expected"),
    [
        (counts(7, 2), counts(), ["minutes", "users"]),
        (counts(7, 2), counts(7), ["users"]),
        (counts(7, 2), counts(1, 2), []),
        (counts(7), counts(), ["minutes"]),
        (counts(), counts(), []),
        (Counter(), Counter(), []),
    ],
)
async def test_a_roll_up_is_empty_if_it_has_none_of_the_rows_that_are_there(settled, rolled, expected):
    found = await empty_ones(Deployment(settled, rolled), ROLLUPS)
    assert [rollup.name for rollup in found] == expected


async def test_the_event_log_is_not_read_where_no_roll_up_is_empty():
    deployment = Deployment(counts(7, 2), counts(1, 1))
    await empty_ones(deployment, ROLLUPS)
    assert not deployment.asked_the_event_log
