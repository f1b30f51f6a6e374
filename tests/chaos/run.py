"""One run: a deployment under load is disturbed by a plan of faults, healed, and held against what was sent."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import clickhouse_connect
from tests.chaos.deployment import DidNotStart, deployed
from tests.chaos.first_wins import competition
from tests.chaos.injection import inject
from tests.chaos.load import Load
from tests.chaos.merges import merge
from tests.chaos.plan import plan
from tests.chaos.verification import Sent, violations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.chaos.deployment import Deployment
    from tests.chaos.plan import Planned
    from tests.chaos.role import Role

log = logging.getLogger(__name__)

ARRIVES_WITHIN_S = 240
"""So long after the last fault may the last event take to be stored."""
FED_WITHIN_S = 60.0
LOOK_AGAIN_S = 2.0
UNEXPECTED_ENDS = 20
"""More of a role's processes than this may not end by themselves: it restarts in a circle."""


@dataclass(frozen=True)
class Injected:
    """A fault that was planned, and whether it struck."""

    planned: Planned
    struck: bool


@dataclass
class Outcome:
    """What a run has done, and what it found wrong: nothing if all is exact."""

    seed: int
    injected: list[Injected] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    accepted: int = 0
    without_2xx: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    """By outcome."""
    load_s: float = 0.0
    drain_s: float = 0.0
    ended_themselves: dict[str, int] = field(default_factory=dict)
    """How many processes of each role ended without being killed: they gave up what was not theirs any more."""

    @property
    def struck(self) -> int:
        """How many faults have struck."""
        return sum(injected.struck for injected in self.injected)


async def run(seed: int, duration_s: float, directory: Path, mutant: str = "") -> Outcome:
    """Run for so long, and then for as long as it takes until everything that was accepted is stored.

    With a mutant of the sinks the outcome has to be wrong.
    """
    outcome = Outcome(seed)
    async with deployed(directory, mutant) as deployment:
        load = Load(deployment.gateway_url, seed)
        await _disturb(deployment, load, plan(seed, duration_s), duration_s, outcome)
        began = time.monotonic()
        try:
            await deployment.heal()
        except DidNotStart as error:
            outcome.wrong.append(str(error))
        audit = await _audit(deployment)
        outcome.drain_s = time.monotonic() - began
        outcome.wrong += [*audit, *await _verify(deployment, load), *load.refusals]
        _add_up(outcome, deployment, load)
        outcome.rows = await asyncio.to_thread(_rows, deployment.clickhouse_url)
    return outcome


async def _disturb(
    deployment: Deployment, load: Load, planned: list[Planned], duration_s: float, outcome: Outcome
) -> None:
    """Send all the time, and inject each fault at its time; those that last run side by side."""
    enough = asyncio.Event()
    began = time.monotonic()

    async def inject_in_time(fault: Planned) -> None:
        await asyncio.sleep(fault.at_s)
        log.info("%s", fault.fault.name)
        struck = await inject(deployment, fault)
        outcome.injected.append(Injected(fault, struck))
        log.info("%s: %s", fault.fault.name, "healed" if struck else "did not strike")

    async with asyncio.TaskGroup() as working:
        working.create_task(load.run(enough))
        merging = working.create_task(merge(deployment.clickhouse_url))
        async with asyncio.TaskGroup() as faults:
            for fault in planned:
                faults.create_task(inject_in_time(fault))
            faults.create_task(asyncio.sleep(duration_s))
        enough.set()
        merging.cancel()
    outcome.load_s = time.monotonic() - began


async def _verify(deployment: Deployment, load: Load) -> list[str]:
    """Compare until all agrees, or until nothing that is still on its way can be the reason."""
    sent = [Sent(event.marker, accepted=True, order_id=event.order_id) for event in load.accepted]
    sent += [Sent(event.marker, accepted=False, order_id=event.order_id) for event in load.others]
    deadline = time.monotonic() + FED_WITHIN_S
    while True:
        wrong = await asyncio.to_thread(violations, sent, deployment.clickhouse_url)
        wrong += await asyncio.to_thread(competition, [*load.accepted, *load.others], deployment.clickhouse_url)
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(LOOK_AGAIN_S)


async def _audit(deployment: Deployment) -> list[str]:
    """Wait until everything is stored, and see that the account balances."""
    audit = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sluice", "audit", "--wait", str(ARRIVES_WITHIN_S)),
        env=os.environ
        | {
            "SLUICE_KAFKA_BOOTSTRAP": deployment.kafka_bootstrap,
            "SLUICE_CLICKHOUSE_URL": deployment.clickhouse_url,
            "COLUMNS": "200",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await audit.communicate()
    finally:
        with suppress(ProcessLookupError):
            audit.kill()
    (deployment.directory / "audit.txt").write_bytes(said)
    return [] if audit.returncode == 0 else [f"sluice audit: {said.decode(errors='replace')}"]


def _add_up(outcome: Outcome, deployment: Deployment, load: Load) -> None:
    outcome.accepted = len(load.accepted)
    outcome.without_2xx = len(load.others)
    if not load.accepted:
        outcome.wrong.append("no event was accepted: nothing was tried")
    outcome.ended_themselves = _ended_themselves(deployment.roles)
    for name, ends in outcome.ended_themselves.items():
        if ends > UNEXPECTED_ENDS:
            outcome.wrong.append(f"{name} ended by itself {ends} times: see {deployment.roles[name].log}")


def _ended_themselves(roles: Mapping[str, Role]) -> dict[str, int]:
    counts = {name: sum(code > 0 for code in role.ends) for name, role in roles.items()}
    return {name: count for name, count in counts.items() if count}


def _rows(clickhouse_url: str) -> dict[str, int]:
    sql = "SELECT outcome, count() FROM sluice.event_log GROUP BY outcome ORDER BY count() DESC"
    with clickhouse_connect.get_client(dsn=clickhouse_url, autogenerate_session_id=False) as client:
        return {str(outcome): int(count) for outcome, count in client.query(sql).result_rows}
