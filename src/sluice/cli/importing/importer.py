"""Sending users to a gateway, several at once, and telling apart what was saved and what was refused.

Saving a user twice does no harm, so a request whose fate is unknown is simply sent again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from sluice.cli.importing.rows import BadRow, Row
from sluice.cli.sending.post import NO_CONNECTION, post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sluice.cli.sending.post import Answer

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
REQUEST_TIMEOUT_S = 60.0

REFUSES_ONE = frozenset({400, 413, 500})
"""This user cannot be saved, others can."""
COME_BACK = frozenset({None, NO_CONNECTION, 408, 429, 502, 503, 504})
"""The gateway, or what stands before it, is away or busy. Any other status is meant for all users."""


@dataclass(frozen=True)
class Plan:
    """Where to send, as whom, how many at once, and for how many seconds one user is sent again and again."""

    url: str
    key: str
    run: str
    concurrency: int
    give_up_s: float


@dataclass
class Tally:
    """Rows by what became of them; `stopped` says why it did not go on to the end of the file, if so."""

    saved: int = 0
    rejected: int = 0
    retries: int = 0
    done_up_to: int = 0
    """All rows up to this line are saved or rejected."""
    stopped: str = ""


@dataclass
class Importer:
    """Sends the rows of a file. `reject` takes those that are refused, `report` is called whenever one is done."""

    plan: Plan
    reject: Callable[[BadRow], None]
    report: Callable[[Tally], None]
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._open: dict[int, Row] = {}
        self._names: set[str] = set()
        self._over = asyncio.Event()
        self._stop = asyncio.Event()

    def stop(self, why: str) -> None:
        """Begin nothing more, and send nothing again; what is under way may end."""
        self.tally.stopped = self.tally.stopped or why
        self._stop.set()
        self._over.set()

    async def run(self, rows: Iterator[Row | BadRow]) -> Tally:
        """Send all rows; return once each request has ended. Raises what reading them raises."""
        try:
            last = await self._send_all(rows)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        self.tally.done_up_to = min(self._open, default=last + 1) - 1
        return self.tally

    async def _send_all(self, rows: Iterator[Row | BadRow]) -> int:
        """Give the last line that was begun."""
        plan, last = self.plan, 0
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=plan.concurrency),
                headers={"Authorization": f"Bearer {plan.key}", "User-Agent": "sluice-users-import"},
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=5),
            ) as session,
            asyncio.TaskGroup() as tasks,
        ):
            for row in rows:
                await asyncio.sleep(0)  # a signal may come
                if isinstance(row, Row):
                    await self._turn(row)
                if self._stop.is_set():
                    break
                last = row.line
                if isinstance(row, Row):
                    self._open[row.line] = row
                    self._names |= row.names
                    tasks.create_task(self._deliver(session, row))
                else:
                    self._rejected(row)
        return last

    async def _turn(self, row: Row) -> None:
        """Wait until there is room, and until nothing is under way that is about the same user."""
        while not self._stop.is_set() and (
            len(self._open) >= self.plan.concurrency or not self._names.isdisjoint(row.names)
        ):
            self._over.clear()
            await self._over.wait()

    async def _deliver(self, session: aiohttp.ClientSession, row: Row) -> None:
        """Send one user, again and again while that makes sense."""
        plan, loop = self.plan, asyncio.get_running_loop()
        headers = {"Idempotency-Key": f"{plan.run}-{row.line}"}
        give_up, pause_s = loop.time() + plan.give_up_s, FIRST_PAUSE_S
        while not self._stop.is_set():
            answer = await post(session, f"{plan.url}/user/", b'{"user":' + row.user + b"}", headers)
            if answer.status not in COME_BACK:
                self._ended(row, answer)
                return
            if loop.time() >= give_up:
                self.stop(f"the gateway could not take line {row.line} for {plan.give_up_s:g} s: {answer.reason}")
                return
            self.tally.retries += 1
            await self._pause(max(pause_s, answer.retry_after_s))
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not when it is time to stop."""
        await asyncio.wait([stopping := asyncio.create_task(self._stop.wait())], timeout=seconds)
        stopping.cancel()

    def _ended(self, row: Row, answer: Answer) -> None:
        assert answer.status is not None
        if 200 <= answer.status < 300:
            self.tally.saved += 1
            self.report(self.tally)
        elif answer.status in REFUSES_ONE:
            self._rejected(BadRow(row.line, answer.reason, row.user))
        else:
            self.stop(f"the gateway takes no users: {answer.reason}")
            return
        del self._open[row.line]
        self._names -= row.names
        self._over.set()

    def _rejected(self, row: BadRow) -> None:
        self.tally.rejected += 1
        self.reject(row)
        self.report(self.tally)
