"""Sinks that are cut off at each step leave the table exact; with one thing broken, the verification says so.

Each mutant has the script that finds it out. The true sinks pass the same script, so it is the mutant that is found.
And as long as nothing is cut off the mutant does not show, so without the script it would not be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.chaos.mutants.sink_mutants import NoLedger, NoReadBack, NoToken, PassedOn, TokenOfTheWholeBlock
from tests.chaos.mutants.sinks import RECORDS, After, Before, Call, Deliver, Fate, Kill, Wake, World
from tests.chaos.verification import violations

from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.mutants.sinks import Act

SCRIPTS: dict[str, Sequence[Act]] = {
    "nothing happens": [Deliver("A", 0, 2), Deliver("A", 2, RECORDS)],
    "a sink dies before its insert": [Deliver("A", 0, 2, Before(Call.INSERT, Fate.DIES))],
    "a sink dies between insert and read-back": [Deliver("A", 0, 2, After(Call.INSERT, Fate.DIES))],
    "the answer of an insert is lost": [Deliver("A", 0, 2, After(Call.INSERT, Fate.HEARS_NOTHING))],
    "the answer of a read-back is lost": [
        Deliver("A", 0, 2),
        Deliver("A", 2, 4, After(Call.MARK, Fate.HEARS_NOTHING)),
    ],
    "a sink that slept before its insert wakes up after another has stored the same": [
        Deliver("A", 0, 2, Before(Call.INSERT, Fate.STANDS_STILL)),
        Deliver("B", 0, 2),
        Wake("A"),
    ],
    "a sink that slept before its insert wakes up after another has stored less, and goes on": [
        Deliver("A", 0, 3, Before(Call.INSERT, Fate.STANDS_STILL)),
        Deliver("B", 0, 2),
        Kill("B"),
        Wake("A"),
        Deliver("A", 3, 4),
    ],
    "the group has committed less than is stored": [
        Deliver("A", 0, 3),
        Kill("A"),
        Deliver("B", 1, 4),
    ],
}

MUTANTS = {
    NoToken: "a sink that slept before its insert wakes up after another has stored the same",
    TokenOfTheWholeBlock: "a sink that slept before its insert wakes up after another has stored less, and goes on",
    NoLedger: "the group has committed less than is stored",
    NoReadBack: "a sink that slept before its insert wakes up after another has stored less, and goes on",
}


async def found_after(script: str, mutant: type[PassedOn], clickhouse_url: str) -> Sequence[str]:
    world = World(ClickHouseEventLog(clickhouse_url), mutant)
    await world.play(SCRIPTS[script])
    return violations(world.sent, clickhouse_url)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_whatever_happens_to_sinks_the_table_is_exact(script: str, clickhouse_url: str):
    assert await found_after(script, PassedOn, clickhouse_url) == []


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_mutant_is_found_out_by_its_script(mutant: type[PassedOn], clickhouse_url: str):
    assert await found_after(MUTANTS[mutant], mutant, clickhouse_url) != []


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_as_long_as_nothing_happens_a_mutant_does_not_show(mutant: type[PassedOn], clickhouse_url: str):
    assert await found_after("nothing happens", mutant, clickhouse_url) == []
