"""The clients of a run: each sends request after request, none twice, and notes what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import aiohttp
from tests.chaos.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.traffic import Competing, Request

log = logging.getLogger(__name__)

CLIENTS = 6
BETWEEN_REQUESTS_S = 0.05
ANSWER_WITHIN_S = 20.0
IMPATIENT = 0.03
"""So many of all requests are given up as soon as they are sent, whatever becomes of their events."""
IMPATIENT_S = 0.01
NO_ANSWER = 0
TOO_SLOW = 408
"""What a gateway may say that stood still while a request came in."""


class Load:
    """What the clients of a run have sent so far to the gateway at `url`."""

    def __init__(self, url: str, seed: int) -> None:
        self.accepted: list[Competing] = []
        self.others: list[Competing] = []
        """Events that were refused, or whose answer was lost: they may be there, once."""
        self.statuses: Counter[int] = Counter()
        """Of all answers; `NO_ANSWER` counts requests without one."""
        self.refusals: list[str] = []
        """Valid requests that were answered with a 4xx, and how."""
        self._url = url
        self._seed = seed

    async def run(self, until: asyncio.Event) -> None:
        """Send until told to stop, and return when the last answer is there or given up."""
        began_ms = _now_ms()
        async with aiohttp.ClientSession(self._url) as session, asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                name = f"{self._seed}-{number}"
                random = Random(name)
                traffic = Traffic(name, str(self._seed), random, began_ms)
                clients.create_task(self._send_until(until, session, traffic, random))

    async def _send_until(
        self, until: asyncio.Event, session: aiohttp.ClientSession, traffic: Traffic, random: Random
    ) -> None:
        while not until.is_set():
            request = traffic.request(_now_ms())
            waits_s = IMPATIENT_S if random.random() < IMPATIENT else ANSWER_WITHIN_S
            status = await self._send(session, request, waits_s)
            self.statuses[status] += 1
            if 200 <= status < 300:
                traffic.accepted(request)
            self._note(request.events, accepted=200 <= status < 300)
            await asyncio.sleep(BETWEEN_REQUESTS_S)

    def _note(self, events: Sequence[Competing], *, accepted: bool) -> None:
        (self.accepted if accepted else self.others).extend(events)

    async def _send(self, session: aiohttp.ClientSession, request: Request, waits_s: float) -> int:
        sending = session.post(
            request.path, json=request.body, headers=request.headers, timeout=aiohttp.ClientTimeout(total=waits_s)
        )
        try:
            async with sending as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return NO_ANSWER
        if 400 <= answer.status < 500 and answer.status != TOO_SLOW:
            self.refusals.append(f"{request.path} was answered with {answer.status}: {text[:200]}")
        return answer.status


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
