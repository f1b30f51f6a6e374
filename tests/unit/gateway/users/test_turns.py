"""Who waits for whom, and in which order."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Retry
from sluice.gateway.users.port import Identifier
from sluice.gateway.users.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator


def names(*values: str) -> frozenset[Identifier]:
    return frozenset(Identifier("demo", "id", value) for value in values)


class Visits:
    """Enters blocks on demand; `entered` tells who is or was in one, in that order."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.entered: list[str] = []
        self._leaving: dict[str, asyncio.Event] = {}

    async def start(self, who: str, *values: str) -> asyncio.Task[None]:
        """Begin a visit, and wait until it has come as far as it can."""
        self._leaving[who] = asyncio.Event()
        task = asyncio.create_task(self._visit(who, *values))
        await settled()
        return task

    async def _visit(self, who: str, *values: str) -> None:
        async with self._turns.alone(names(*values)):
            self.entered.append(who)
            await self._leaving[who].wait()

    async def end(self, who: str) -> None:
        self._leaving[who].set()
        await settled()

    async def end_all(self, *tasks: asyncio.Task[None]) -> None:
        for leaving in self._leaving.values():
            leaving.set()
        await asyncio.gather(*tasks)

    async def refused(self, who: str, *values: str) -> bool:
        """Begin a visit that ends at once, refused; tell whether it did."""
        visit = await self.start(who, *values)
        return visit.done() and isinstance(visit.exception(), Retry)


async def settled() -> None:
    """Let every task that can go on go on, until none can: a task that goes on needs a few rounds of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def visits(turns: Turns) -> Visits:
    return Visits(turns)


async def test_those_who_share_an_identifier_go_one_after_the_other(visits: Visits):
    first = await visits.start("first", "a", "b")
    second = await visits.start("second", "b", "c")
    assert visits.entered == ["first"]
    await visits.end("first")
    assert visits.entered == ["first", "second"]
    await visits.end_all(first, second)


async def test_those_who_share_none_do_not_wait(visits: Visits):
    tasks = [await visits.start("first", "a"), await visits.start("second", "b"), await visits.start("third")]
    assert visits.entered == ["first", "second", "third"]
    await visits.end_all(*tasks)


async def test_the_same_value_of_another_kind_or_project_is_another_identifier(turns: Turns):
    async with (
        turns.alone(frozenset({Identifier("demo", "id", "a")})),
        turns.alone(frozenset({Identifier("demo", "email", "a")})),
        turns.alone(frozenset({Identifier("shop", "id", "a")})),
    ):
        pass


async def test_turns_come_in_the_order_of_arrival_also_past_newcomers(visits: Visits):
    tasks = [await visits.start(who, "a") for who in ("first", "second", "third")]
    for who in ("first", "second"):
        await visits.end(who)
        tasks.append(await visits.start(f"after {who}", "a"))
    await visits.end_all(*tasks)
    assert visits.entered == ["first", "second", "third", "after first", "after second"]


class InThisOrder(frozenset[Identifier]):
    """A set that is walked through in an order that the test chooses."""

    def __new__(cls, *values: str) -> InThisOrder:
        ordered = super().__new__(cls, names(*values))
        ordered.walk = [Identifier("demo", "id", value) for value in values]
        return ordered

    walk: list[Identifier]

    def __iter__(self) -> Iterator[Identifier]:
        return iter(self.walk)


async def test_those_who_name_the_same_identifiers_in_another_order_do_not_block_each_other(
    turns: Turns, visits: Visits
):
    async def pass_through(*values: str) -> None:
        async with turns.alone(InThisOrder(*values)):
            pass

    holding = await visits.start("holding", "c")
    passing = [asyncio.create_task(pass_through(*values)) for values in (("a", "c", "b"), ("b", "a"))]
    await settled()
    async with asyncio.timeout(10):
        await visits.end_all(holding, *passing)


@pytest.mark.parametrize("cancelled", ["holding", "waiting"])
async def test_who_gives_up_lets_the_next_one_through(visits: Visits, cancelled: str):
    tasks = {who: await visits.start(who, "a", "b") for who in ("holding", "waiting", "next")}
    tasks[cancelled].cancel()
    await settled()
    if cancelled == "waiting":
        assert visits.entered == ["holding"]
        await visits.end("holding")
    assert visits.entered[-1] == ("waiting" if cancelled == "holding" else "next")
    await visits.end_all(*(task for who, task in tasks.items() if who != cancelled))
    assert visits.entered[-1] == "next"


async def test_who_fails_lets_the_next_one_through(turns: Turns):
    with pytest.raises(ZeroDivisionError):
        async with turns.alone(names("a", "b")):
            raise ZeroDivisionError
    async with asyncio.timeout(10), turns.alone(names("a", "b")):
        pass


async def test_nothing_is_kept_of_those_who_are_done(turns: Turns, visits: Visits):
    tasks = [await visits.start(who, "a", who) for who in ("first", "second")]
    await visits.end_all(*tasks)
    gc.collect()
    assert len(turns._queues) == 0


async def test_no_two_are_ever_in_with_the_same_identifier(turns: Turns):
    inside: list[str] = []

    async def visit(number: int) -> None:
        own = names(*(str((number * step) % 7) for step in (1, 2, 4)))
        async with turns.alone(own):
            values = [identifier.value for identifier in own]
            assert not set(values) & set(inside)
            inside.extend(values)
            await asyncio.sleep(0)
            for value in values:
                inside.remove(value)

    async with asyncio.timeout(60):
        await asyncio.gather(*(visit(number) for number in range(200)))
    assert inside == []


async def test_nobody_waits_for_ever():
    turns = Turns(patience_s=0.01)
    async with turns.alone(names("a", "b")):
        with pytest.raises(Retry):
            async with turns.alone(names("b", "c")):
                pytest.fail("it was not its turn")
    async with turns.alone(names("a", "b", "c")):
        pass


async def test_as_many_wait_for_one_identifier_as_may_and_one_more_is_refused_at_once():
    visits = Visits(Turns(max_waiting=2))
    tasks = [await visits.start(who, "a") for who in ("holding", "second", "third")]
    assert await visits.refused("one too many", "a")
    tasks.append(await visits.start("another", "b"))
    assert visits.entered == ["holding", "another"]
    await visits.end("holding")
    tasks.append(await visits.start("fourth", "a"))
    assert await visits.refused("one too many again", "a")
    await visits.end_all(*tasks)
    assert visits.entered == ["holding", "another", "second", "third", "fourth"]


async def test_who_is_refused_holds_nobody_up():
    visits = Visits(Turns(max_waiting=1))
    tasks = [await visits.start(who, "b") for who in ("holding", "waiting")]
    assert await visits.refused("one too many", "a", "b", "c")
    tasks.append(await visits.start("next", "a", "c"))
    assert visits.entered == ["holding", "next"]
    await visits.end_all(*tasks)


async def test_who_gives_up_waiting_makes_room_for_another():
    visits = Visits(Turns(max_waiting=1))
    holding, waiting = [await visits.start(who, "a") for who in ("holding", "waiting")]
    waiting.cancel()
    await settled()
    other = await visits.start("other", "a")
    await visits.end_all(holding, other)
    assert visits.entered == ["holding", "other"]
