"""Taking turns: what two requests would change about the same identifier, they change one after the other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from sluice.contract.errors import Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sluice.gateway.users.port import Identifier


class Turns:
    """Lets one at a time through for each identifier, in the order in which they came.

    Those that share none, not even through others that wait, do not wait for each other. Nobody waits for longer
    than `patience_s`.
    """

    def __init__(self, patience_s: float = 10) -> None:
        self._patience_s = patience_s
        # A lock lives for as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[Identifier, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, identifiers: frozenset[Identifier]) -> AsyncIterator[None]:
        """Enter the block when nobody else is in one with any of these identifiers.

        Raises `Retry` where that takes too long: those before are waiting for Kafka.
        """
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience_s):
                    for identifier in sorted(identifiers):  # in one order, so that no two wait for each other
                        await held.enter_async_context(self._locks.setdefault(identifier, asyncio.Lock()))
            except TimeoutError:
                raise Retry("Too many requests are changing the same user") from None
            yield
