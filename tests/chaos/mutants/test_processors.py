"""Processors that die at each step leave everything exact; with one thing broken, the verification says so.

Each mutant has the script that finds it out. The true processors pass the same script, so it is the mutant that is
found. And as long as nothing is cut off the mutant does not show, so without the script it would not be found.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.chaos.mutants.lives import VISITORS, FailingRules, Life
from tests.chaos.mutants.processor_mutants import (
    AcksFirst,
    GoesByAcknowledgements,
    MarkerFirst,
    OutputFirst,
    StateFirst,
    StoreFirst,
    no_fence,
)
from tests.chaos.mutants.processors import Deployment, Parts, World
from tests.chaos.mutants.raw_events import sent
from tests.chaos.verification import violations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.integration.stack import Stack

NOTHING = "nothing happens"
DIES_IN_TRANSACTION = "a processor dies in its transaction"
DIES_AFTER_TRANSACTION = "a processor dies after its transaction"
WAKES_UP = "a processor that slept before its commit wakes up when another with other rules has taken over"
DEPLOYED_ANEW = "a processor dies in its transaction, and other rules are in force when it is back"

SCRIPTS: dict[str, Sequence[Life]] = {
    NOTHING: [Life(3)],
    DIES_IN_TRANSACTION: [Life(1), Life(4, before_commit=1)],
    DIES_AFTER_TRANSACTION: [Life(4, after_commit=1)],
    WAKES_UP: [Life(4, sleeps=True, rules=FailingRules(VISITORS))],
    DEPLOYED_ANEW: [Life(4, before_commit=1, rules=FailingRules(VISITORS))],
}


class Mutant(NamedTuple):
    """What is broken, the script that shows it, and what the verification has to say."""

    parts: Parts
    script: str
    sentence: str


STORED_TWICE = "order order-1 of project demo is stored 2 times"
NOT_STORED = "order order-1 was accepted and is not stored"
THROTTLED_NO_MORE = "email open 00000000-0000-0000-0000-000000000004 of user u1 is stored, and should not be"
LOST = "event order 1 was accepted and has 0 rows"

MUTANTS = {
    "state and output in separate transactions, output first": Mutant(
        Parts(journal=OutputFirst), DIES_AFTER_TRANSACTION, STORED_TWICE
    ),
    "state and output in separate transactions, state first": Mutant(
        Parts(journal=StateFirst), DIES_AFTER_TRANSACTION, THROTTLED_NO_MORE
    ),
    "the raw offset acknowledged first, as the marker": Mutant(
        Parts(journal=MarkerFirst), DIES_AFTER_TRANSACTION, LOST
    ),
    "the raw offset acknowledged first, to the group": Mutant(
        Parts(journal=GoesByAcknowledgements, assignment=AcksFirst), DIES_IN_TRANSACTION, LOST
    ),
    "the store changed before the commit": Mutant(Parts(journal=StoreFirst), DIES_IN_TRANSACTION, THROTTLED_NO_MORE),
    "no fence": Mutant(Parts(journal=no_fence), WAKES_UP, NOT_STORED),
    "sinks that read what was never committed": Mutant(
        Parts(sinks_read="read_uncommitted"), DEPLOYED_ANEW, NOT_STORED
    ),
}

SCRIPTS_PLAYED = len(SCRIPTS) + 2 * len(MUTANTS) + 1


@pytest.fixture(scope="module")
async def deployment(stack: Stack) -> Deployment:
    deployment = Deployment(stack.kafka_bootstrap)
    await deployment.create(partitions=SCRIPTS_PLAYED)
    return deployment


class Found:
    """Plays a script on a partition of its own and gives what the verification finds."""

    def __init__(self, deployment: Deployment, directory: Path, clickhouse_url: str) -> None:
        self._deployment = deployment
        self._directory = directory
        self._clickhouse_url = clickhouse_url

    async def after(self, script: str, parts: Parts) -> Sequence[str]:
        world = World(self._deployment, next(_partitions), self._directory, parts)
        await world.play(SCRIPTS[script])
        await world.store(self._clickhouse_url)
        return violations(sent(), self._clickhouse_url)


_partitions = itertools.count()


@pytest.fixture
def found(deployment: Deployment, tmp_path: Path, clickhouse_url: str) -> Found:
    return Found(deployment, tmp_path, clickhouse_url)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_whenever_processors_die_everything_is_exact(script: str, found: Found):
    assert await found.after(script, Parts()) == []


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_mutant_is_found_out_by_its_script(mutant: str, found: Found):
    parts, script, sentence = MUTANTS[mutant]
    assert sentence in await found.after(script, parts)


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_as_long_as_nothing_happens_a_mutant_does_not_show(mutant: str, found: Found):
    assert await found.after(NOTHING, MUTANTS[mutant].parts) == []


async def test_what_is_acknowledged_too_early_is_not_lost_as_long_as_the_marker_decides(found: Found):
    assert await found.after(DIES_IN_TRANSACTION, Parts(assignment=AcksFirst)) == []
