"""Taking turns: what two requests would change about the same identifier, they change one after the other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from sluice.contract.errors import Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from sluice.gateway.users.port import Identifier

MAX_WAITING: Final = 100
"""How many may wait for one identifier.

Each of them takes one of the places for requests that are worked on, 1,000 by default, which all projects share: one
busy user may have a tenth of them. More would seldom get their turns before their patience ends, as each turn lasts
until Kafka has the links.
"""

TOO_MANY = "Too many requests are changing the same user"


class Turns:
    """Lets one at a time through for each identifier, in the order in which they came.

    Those that share none, not even through others that wait, do not wait for each other. Nobody waits for longer
    than `patience_s`, nor behind `max_waiting` others that wait already.
    """

    def __init__(self, patience_s: float = 10, max_waiting: int = MAX_WAITING) -> None:
        self._patience_s = patience_s
        self._max_waiting = max_waiting
        # A queue lives for as long as somebody is in it.
        self._queues: WeakValueDictionary[Identifier, _Queue] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, identifiers: frozenset[Identifier]) -> AsyncIterator[None]:
        """Enter the block when nobody else is in one with any of these identifiers.

        Raises `Retry` where that takes too long, since those before are waiting for Kafka; and at once where too many
        wait.
        """
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience_s):
                    for identifier in sorted(identifiers):  # in one order, so that no two wait for each other
                        await held.enter_async_context(self._queue(identifier))
            except TimeoutError:
                raise Retry(TOO_MANY) from None
            yield

    def _queue(self, identifier: Identifier) -> _Queue:
        return self._queues.setdefault(identifier, _Queue(self._max_waiting))


class _Queue:
    """Those who want to be alone with one identifier: one who is, and others who wait."""

    def __init__(self, max_waiting: int) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._max_waiting = max_waiting

    async def __aenter__(self) -> None:
        if self._waiting >= self._max_waiting:
            raise Retry(TOO_MANY)
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turn.release()
