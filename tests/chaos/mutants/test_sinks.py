"""Sinks that are cut off at each step leave the table exact; with one thing broken, the verification says so.

Each mutant has the script that finds it out. The true sinks pass the same script, so it is the mutant that is found.
And as long as nothing is cut off the mutant does not show, so without the script it would not be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.chaos.mutants.cut_event_log import After, Before, BreaksOff, Call, Fate
from tests.chaos.mutants.sink_mutants import (
    FeedsItsOwnOnly,
    FeedsUnasked,
    FeedsWithoutToken,
    NoFeedAtOpen,
    NoLedger,
    NoReadBack,
    NoToken,
    RollUpsOnTheTable,
    TakesFeedsForGranted,
    TokenOfTheWholeBlock,
    TrueEventLog,
    ViewsWithoutToken,
)
from tests.chaos.mutants.sinks import RECORDS, Deliver, ForgetTokens, KeepToken, Kill, Wake, World
from tests.chaos.mutants.token_log import ROLLUPS
from tests.chaos.verification import violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.mutants.sinks import Act

NOTHING = "nothing happens"
SLEPT_AND_OTHERS_STORED_THE_SAME = "a sink that slept before its insert wakes up after another has stored the same"
SLEPT_AND_OTHERS_STORED_LESS = "a sink that slept before its insert wakes up after another has stored less"
SLEPT_AND_OTHERS_BROKE_OFF = "the same, but ClickHouse broke off between table and roll-ups"
COMMITTED_LESS = "the group has committed less than is stored"
DIES_BEFORE_FEED = "a sink dies between read-back and feed"
ASKED_AND_OTHERS_FED = "a sink that slept between question and feed wakes up after another has fed the same"
TOKENS_ARE_FORGOTTEN = "ClickHouse has forgotten a feed's token when it comes again"
TOKEN_IS_KEPT_ALONE = "ClickHouse is killed between logging a feed's token and keeping its part of the roll-up "

SCRIPTS: dict[str, Sequence[Act]] = {
    NOTHING: [Deliver("A", 0, 2), Deliver("A", 2, RECORDS)],
    "a sink dies before its insert": [Deliver("A", 0, 2, Before(Call.INSERT, Fate.DIES))],
    "a sink dies between insert and read-back": [Deliver("A", 0, 2, After(Call.INSERT, Fate.DIES))],
    DIES_BEFORE_FEED: [Deliver("A", 0, 2, Before(Call.FEED, Fate.DIES))],
    "a sink dies after its feed": [Deliver("A", 0, 2, After(Call.FEED, Fate.DIES))],
    "the answer of an insert is lost": [Deliver("A", 0, 2, After(Call.INSERT, Fate.HEARS_NOTHING))],
    "the answer of a read-back is lost": [
        Deliver("A", 0, 2),
        Deliver("A", 2, 4, After(Call.MARK, Fate.HEARS_NOTHING)),
    ],
    "the answer of a feed is lost": [Deliver("A", 0, 2, After(Call.FEED, Fate.HEARS_NOTHING))],
    **{
        f"ClickHouse breaks off at the roll-up {rollup}": [Deliver("A", 0, 2, BreaksOff(rollup)), Deliver("B", 0, 3)]
        for rollup in ROLLUPS
    },
    **{
        TOKEN_IS_KEPT_ALONE + rollup: [Deliver("A", 0, 2, Before(Call.FEED, Fate.DIES)), KeepToken(rollup)]
        for rollup in ROLLUPS
    },
    TOKENS_ARE_FORGOTTEN: [Deliver("A", 0, 2), ForgetTokens(), Kill("A"), Deliver("B", 0, 4)],
    ASKED_AND_OTHERS_FED: [
        Deliver("A", 0, 2, Before(Call.PASS_ON, Fate.STANDS_STILL)),
        Deliver("B", 0, 2),
        Wake("A"),
    ],
    "a sink that slept between question and feed wakes up after ClickHouse broke off, and others went on": [
        Deliver("A", 0, 2, Before(Call.PASS_ON, Fate.STANDS_STILL)),
        Deliver("B", 0, 2, BreaksOff("sessions")),
        Deliver("C", 0, 3),
        Wake("A"),
    ],
    SLEPT_AND_OTHERS_STORED_THE_SAME: [
        Deliver("A", 0, 2, Before(Call.INSERT, Fate.STANDS_STILL)),
        Deliver("B", 0, 2),
        Wake("A"),
    ],
    SLEPT_AND_OTHERS_STORED_LESS: [
        Deliver("A", 0, 3, Before(Call.INSERT, Fate.STANDS_STILL)),
        Deliver("B", 0, 2, Before(Call.FEED, Fate.DIES)),
        Wake("A"),
        Deliver("A", 3, 4),
    ],
    SLEPT_AND_OTHERS_BROKE_OFF: [
        Deliver("A", 0, 3, Before(Call.INSERT, Fate.STANDS_STILL)),
        Deliver("B", 0, 2, BreaksOff("minutes")),
        Wake("A"),
    ],
    "a sink that slept before its read-back wakes up after another has gone on": [
        Deliver("A", 0, 2, After(Call.INSERT, Fate.STANDS_STILL)),
        Deliver("B", 0, 3),
        Deliver("B", 3, 5),
        Wake("A"),
    ],
    "a sink that slept before its feed wakes up after another has fed the same, and gone on": [
        Deliver("A", 0, 2, Before(Call.FEED, Fate.STANDS_STILL)),
        Deliver("B", 0, 4),
        Wake("A"),
    ],
    COMMITTED_LESS: [Deliver("A", 0, 3), Kill("A"), Deliver("B", 1, 4)],
}

TWICE = "event 1/0 was accepted and has 2 rows"
LOST = "event 2/0 was accepted and has 0 rows"
NOT_FED = "rollup_minutes has rows = 8 for (202611,), and event_log 12"
FED_TWICE = "rollup_minutes has rows = 16 for (202611,), and event_log 12"
FED_TWICE_OF_TWO = "rollup_minutes has rows = 18 for (202611,), and event_log 14"
FED_TWICE_IN_PART = "rollup_minutes has rows = 14 for (202611,), and event_log 12"

MUTANTS = {
    NoToken: (SLEPT_AND_OTHERS_STORED_THE_SAME, TWICE),
    TokenOfTheWholeBlock: (SLEPT_AND_OTHERS_STORED_LESS, TWICE),
    NoLedger: (COMMITTED_LESS, TWICE),
    NoReadBack: (SLEPT_AND_OTHERS_STORED_LESS, LOST),
    NoFeedAtOpen: (DIES_BEFORE_FEED, NOT_FED),
    FeedsItsOwnOnly: (SLEPT_AND_OTHERS_STORED_LESS, NOT_FED),
    FeedsUnasked: (TOKENS_ARE_FORGOTTEN, FED_TWICE_OF_TWO),
    TakesFeedsForGranted: (TOKEN_IS_KEPT_ALONE + "minutes", NOT_FED),
    FeedsWithoutToken: (ASKED_AND_OTHERS_FED, FED_TWICE),
    ViewsWithoutToken: (ASKED_AND_OTHERS_FED, FED_TWICE),
    RollUpsOnTheTable: (SLEPT_AND_OTHERS_BROKE_OFF, FED_TWICE_IN_PART),
}


async def found_after(script: str, mutant: type[TrueEventLog], clickhouse_url: str) -> Sequence[str]:
    world = World(clickhouse_url, mutant)
    await world.play(SCRIPTS[script])
    return violations(world.sent, clickhouse_url)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_whatever_happens_to_sinks_the_table_is_exact(script: str, clickhouse_url: str):
    assert await found_after(script, TrueEventLog, clickhouse_url) == []


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_mutant_is_found_out_by_its_script(mutant: type[TrueEventLog], clickhouse_url: str):
    script, sentence = MUTANTS[mutant]
    assert sentence in await found_after(script, mutant, clickhouse_url)


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_as_long_as_nothing_happens_a_mutant_does_not_show(mutant: type[TrueEventLog], clickhouse_url: str):
    assert await found_after(NOTHING, mutant, clickhouse_url) == []
