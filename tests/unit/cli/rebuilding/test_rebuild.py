"""The steps of a rebuild, and when it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.cli.rebuilding.rebuild import rebuild
from sluice.cli.rebuilding.rollup import ROLLUPS, called
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sluice.cli.rebuilding.rebuild import Marks
    from sluice.cli.rebuilding.rollup import Rollup

MARKS = {("topic", 0): 9, ("topic", 1): 3}


class Database:
    """Notes each step that changes something; `months` holds how many rows of each there are."""

    def __init__(self, months: Mapping[int, int] | None = None, expired: int = 0, kept: Sequence[int] = ()) -> None:
        self.steps: list[str] = []
        self.marked: list[Marks] = [MARKS]
        self._months = {202610: 3, 202611: 4} if months is None else months
        self._expired = expired
        self._kept = kept

    async def remove_left(self) -> None:
        self.steps.append("remove left")

    async def months(self) -> Mapping[int, int]:
        return self._months

    async def marks(self) -> Marks:
        return self.marked.pop(0) if len(self.marked) > 1 else self.marked[0]

    async def expired(self) -> int:
        return self._expired

    async def make(self, rollup: Rollup) -> str:
        self.steps.append(f"make {rollup.name}")
        return f"{rollup.name}_anew"

    async def fill(self, rollup: Rollup, table: str, month: int) -> None:
        self.steps.append(f"fill {table} with {month}")

    async def keep(self, rollup: Rollup, table: str, expired: int) -> Collection[int]:
        self.steps.append(f"keep in {table} up to {expired}")
        return self._kept

    async def exchange(self, rollup: Rollup, table: str) -> None:
        self.steps.append(f"exchange {rollup.name} and {table}")

    async def remove(self, table: str) -> None:
        self.steps.append(f"remove {table}")


async def rebuilt(database: Database, *names: str, sinks: Sequence[Sequence[str]] = ((),)) -> int:
    running = list(sinks)
    reported: list[int] = []

    async def sinks_now() -> Sequence[str]:
        return running.pop(0) if len(running) > 1 else running[0]

    await rebuild(database, called(names), sinks_now, reported.append)
    return sum(reported)


async def test_every_roll_up_is_filled_before_the_first_changes_places():
    database = Database()
    assert await rebuilt(database, "minutes", "users") == 14
    assert database.steps == [
        "remove left",
        "make minutes",
        "keep in minutes_anew up to 0",
        "fill minutes_anew with 202610",
        "fill minutes_anew with 202611",
        "make users",
        "keep in users_anew up to 0",
        "fill users_anew with 202610",
        "fill users_anew with 202611",
        "exchange minutes and minutes_anew",
        "exchange users and users_anew",
        "remove minutes_anew",
        "remove users_anew",
    ]


async def test_all_are_made_anew_where_none_is_named():
    database = Database({})
    await rebuilt(database)
    assert [step for step in database.steps if step.startswith("make")] == [f"make {one.name}" for one in ROLLUPS]


async def test_what_is_kept_is_not_filled():
    database = Database(expired=202610, kept=[202609, 202610])
    assert await rebuilt(database, "minutes") == 7
    assert database.steps[2:4] == ["keep in minutes_anew up to 202610", "fill minutes_anew with 202611"]


async def test_while_sinks_run_nothing_is_done():
    database = Database()
    with pytest.raises(Unusable, match="sinks run on a, b: stop them first"):
        await rebuilt(database, sinks=[["b", "a", "b"]])
    assert database.steps == []


async def test_sinks_that_start_meanwhile_keep_the_old_ones_in_their_places():
    database = Database()
    with pytest.raises(Unusable, match="sinks run on a"):
        await rebuilt(database, sinks=[[], ["a"]])
    assert not any(step.startswith("exchange") for step in database.steps)


@pytest.mark.parametrize("exchanged", [False, True])
async def test_what_sinks_have_stored_meanwhile_is_said(exchanged: bool):
    database = Database()
    later = MARKS | {("topic", 1): 4}
    database.marked = [MARKS, MARKS, later] if exchanged else [MARKS, later]
    with pytest.raises(Unusable, match="sinks have stored events meanwhile: stop them, and rebuild again"):
        await rebuilt(database, "minutes")
    assert any(step.startswith("exchange") for step in database.steps) is exchanged


async def test_sinks_that_start_at_the_end_are_told_of():
    with pytest.raises(Unusable, match="sinks have stored events meanwhile"):
        await rebuilt(Database(), "minutes", sinks=[[], [], ["a"]])
