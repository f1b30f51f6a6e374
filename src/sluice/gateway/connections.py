"""All connections of one server: how many, how patient it is with them, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sluice.gateway.connection import Connection

if TYPE_CHECKING:
    from aiohttp import web

    from sluice.gateway.ids import NewId

_DRAIN_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a client may take.

    `head_s` is for a head, from the connection's opening or the first byte of a further request; `answer_s` until an
    answer was handed to the kernel as a whole; `idle_s` between an answer and the next request. The body's time is
    the application's own matter: that answer has the shape of an API.
    """

    head_s: float = 10
    answer_s: float = 30
    idle_s: float = 75


@dataclass(slots=True)
class Traffic:
    """What is counted of connections: those open now, those that were one too many, and requests that are no HTTP."""

    open: int = 0
    turned_away: int = 0
    unreadable: int = 0


class Connections:
    """Makes the connections of one server, and sees them off.

    At most `limit` are open at a time, and a further one is closed at once: a flood must not take the last file
    descriptor.
    """

    def __init__(self, server: web.Server, new_id: NewId, patience: Patience, limit: int, traffic: Traffic) -> None:
        self.server = server
        self.new_id = new_id
        self.patience = patience
        self.traffic = traffic
        self.draining = False
        self._limit = limit

    def __call__(self) -> Connection:
        """Make the protocol of one more connection, for `loop.create_server`."""
        return Connection(self)

    def opened(self) -> bool:
        """Count a connection; tell whether it may stay."""
        self.traffic.open += 1
        if self.traffic.open > self._limit:
            self.traffic.turned_away += 1
        return self.traffic.open <= self._limit and not self.draining

    def closed(self) -> None:
        """Count a connection less."""
        self.traffic.open -= 1

    async def drain(self, timeout_s: float) -> None:
        """Close the idle connections, and each other one after its answer; return when that is done, or time is up.

        aiohttp's own way to stop would drop the rest of a body that is still coming, and wait for it in vain.
        """
        await asyncio.sleep(0)  # let what has come already become requests
        self.draining = True
        pause_s = 0.001
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while connections := self.server.connections:
                    for connection in connections:
                        cast("Connection", connection).leave_if_idle()
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _DRAIN_POLL_S)
