"""Sending batches to a gateway, and telling apart what was accepted, what was refused and what nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from sluice.cli.sending.post import NO_CONNECTION, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.cli.sending.traffic import Traffic

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
REQUEST_TIMEOUT_S = 60.0


@dataclass
class Tally:
    """Events by what became of their requests; each is counted once.

    `accepted`: answered with 2xx. `refused`: answered with another status, for good. `unknown`: the connection broke
    or the time ran out after the request was sent, so that it may or may not have been accepted. `retries` counts
    the requests that were sent again, after a 429 or 503 or when no connection could be made. `resent` counts the
    events that were sent again after a 503, of which the first copy may have been written all the same.
    """

    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    retries: int = 0
    resent: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Events whose requests are over."""
        return self.accepted + self.refused + self.unknown

    def note(self, reason: str) -> None:
        """Count a reason for which something was refused or is unknown."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


@dataclass(frozen=True)
class Plan:
    """What to send: `events` in all, `batch` in each request, `rate` a second (0: as fast as it goes).

    A request that is refused for now is sent again for `give_up_s` seconds; `idempotent` ones carry an
    Idempotency-Key.
    """

    url: str
    key: str
    run: str
    events: int
    batch: int
    rate: float
    concurrency: int
    idempotent: bool
    give_up_s: float


class Sender:
    """Sends a run's traffic over several connections at once."""

    def __init__(self, plan: Plan, traffic: Traffic, report: Callable[[Tally], None]) -> None:
        self._plan = plan
        self._traffic = traffic
        self._report = report
        self._taken = 0
        self.tally = Tally()

    async def run(self) -> Tally:
        """Send everything; return once each request has ended in one way or another."""
        plan = self._plan
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=plan.concurrency),
                headers={"Authorization": f"Bearer {plan.key}", "User-Agent": "sluice-send"},
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=5),
            ) as session,
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(plan.concurrency):
                tasks.create_task(self._work(session))
        return self.tally

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while self._taken < self._plan.events:
            first = self._taken
            size = min(self._plan.batch, self._plan.events - first)
            self._taken += size
            if self._plan.rate:
                due = self._started + first / self._plan.rate
                await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._deliver(session, f"{self._plan.run}-{first}", self._traffic.batch(size))
            self._report(self.tally)

    async def _deliver(self, session: aiohttp.ClientSession, name: str, events: list[dict[str, object]]) -> None:
        """Send one request, again and again while its answer says that this makes sense."""
        single = self._plan.batch == 1
        url = f"{self._plan.url}/collect" + ("" if single else "/batch")
        headers = {"Idempotency-Key": name} if self._plan.idempotent else {}
        body = msgspec.json.encode(events[0] if single else {"events": events})
        give_up = self._loop.time() + self._plan.give_up_s
        pause_s, doubtful = FIRST_PAUSE_S, False
        while True:
            status, reason, retry_after_s = await post(session, url, body, headers)
            if status is None:  # nobody can know whether it arrived: sending it again could store it twice
                self.tally.unknown += len(events)
                break
            if 200 <= status < 300:
                self.tally.accepted += len(events)
                return
            again = status in {NO_CONNECTION, 429, 503} and self._loop.time() < give_up
            doubtful |= status == 503
            if not again:
                # After a 503 the gateway cannot promise that nothing was written.
                self.tally.unknown += len(events) if doubtful else 0
                self.tally.refused += 0 if doubtful else len(events)
                break
            self.tally.retries += 1
            self.tally.resent += len(events) if status == 503 else 0
            await asyncio.sleep(max(pause_s, retry_after_s))
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
        self.tally.note(reason)
