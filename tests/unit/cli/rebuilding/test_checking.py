"""Checking roll-ups of a deployment that goes on meanwhile."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sluice.cli.rebuilding import checking
from sluice.cli.rebuilding.checking import check, check_once_added

if TYPE_CHECKING:
    from sluice.cli.rebuilding.comparing import Amounts, Counts


class Deployment:
    """A sink that stores a block of 10 rows, and passes one on, each time that somebody asks something."""

    def __init__(
        self, settled: int, rolled: int, stored: int, *, stores: int = 0, adds: int = 0, stores_at: str = ""
    ) -> None:
        self._rows = Counter(settled=settled, rolled=rolled, stored=stored)
        self._stores = stores
        self._adds = adds
        self._stores_at = stores_at
        self.asked: list[str] = []
        self.amount = Decimal(1)

    async def settled(self) -> Counts:
        return self._asked("settled")

    async def rolled(self) -> Counts:
        return self._asked("rolled")

    async def stored(self) -> Counts:
        return self._asked("stored")

    async def amounts(self) -> tuple[Amounts, Amounts]:
        self._asked("amounts")
        return {(202611, "EUR"): Decimal(1)}, {(202611, "EUR"): self.amount}

    async def expired(self) -> int:
        return 0

    def _asked(self, what: str) -> Counts:
        self.asked.append(what)
        found = Counter({("minutes", 202611): self._rows[what]})
        if what == self._stores_at:
            self._rows.update(stored=10)
        elif self._stores:
            self._stores -= 1
            self._rows.update(stored=10, settled=10, rolled=10)
        elif self._adds:
            self._adds -= 1
            self._rows["rolled"] = self._rows["stored"]
        return found


async def test_where_both_agree_no_more_is_asked():
    deployment = Deployment(settled=90, rolled=100, stored=100)
    assert (await check(deployment)).is_even
    assert deployment.asked == ["rolled", "stored", "amounts"]


async def test_amounts_that_differ_are_wrong_although_the_rows_agree():
    deployment = Deployment(settled=90, rolled=100, stored=100)
    deployment.amount = Decimal(2)
    found = await check(deployment)
    assert (found.is_wrong, found.is_even, len(found.amounts)) == (True, False, 1)


async def test_amounts_of_what_is_stored_meanwhile_are_no_difference():
    deployment = Deployment(settled=90, rolled=100, stored=100, stores_at="amounts")
    deployment.amount = Decimal(2)
    assert (await check(deployment)).is_even


async def test_a_last_block_that_waits_is_no_difference():
    found = await check(Deployment(settled=90, rolled=90, stored=100))
    assert (found.differences, found.not_added, found.is_even) == ([], {"minutes": 10}, False)


async def test_a_block_before_it_is_one():
    [difference] = (await check(Deployment(settled=90, rolled=89, stored=100))).differences
    assert difference.missing == 1


async def test_too_many_are_one():
    [difference] = (await check(Deployment(settled=90, rolled=101, stored=100))).differences
    assert difference.missing == -1


@pytest.mark.parametrize("stores", range(1, 6))
async def test_what_is_stored_while_one_asks_is_no_difference(stores: int):
    assert not (await check(Deployment(settled=90, rolled=100, stored=100, stores=stores))).differences


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "POLL_S", 0.001)


@pytest.mark.usefixtures("impatient")
async def test_a_wait_ends_once_the_last_block_is_added_up():
    found, added = await check_once_added(Deployment(settled=90, rolled=90, stored=100, adds=1), 60)
    assert (found.is_even, added) == (True, True)


@pytest.mark.usefixtures("impatient")
async def test_a_wait_may_be_in_vain():
    found, added = await check_once_added(Deployment(settled=90, rolled=90, stored=100), 0.01)
    assert (found.not_added, added) == ({"minutes": 10}, False)


@pytest.mark.usefixtures("impatient")
async def test_a_wait_is_not_for_what_comes_later():
    found, added = await check_once_added(Deployment(settled=90, rolled=90, stored=100, stores=1000), 60)
    assert (found.differences, added) == ([], True)


@pytest.mark.usefixtures("impatient")
async def test_a_wait_ends_where_something_is_wrong():
    found, added = await check_once_added(Deployment(settled=90, rolled=80, stored=100), 1e9)
    assert (len(found.differences), added) == (1, True)
