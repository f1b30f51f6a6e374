"""Taking turns: what two requests would change about the same identifier, they change one after the other."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sluice.gateway.users.port import Identifier


class Turns:
    """Lets one at a time through for each identifier; those that share none do not wait for each other."""

    def __init__(self) -> None:
        self._taken: set[Identifier] = set()
        self._waiting: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def alone(self, identifiers: frozenset[Identifier]) -> AsyncIterator[None]:
        """Enter the block when nobody else is in one with any of these identifiers."""
        while not self._taken.isdisjoint(identifiers):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._taken |= identifiers
        try:
            yield
        finally:
            self._taken -= identifiers
            waiting, self._waiting = self._waiting, []
            for turn in waiting:
                if not turn.done():
                    turn.set_result(None)
