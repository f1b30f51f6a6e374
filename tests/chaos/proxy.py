"""A proxy between the sinks and ClickHouse that does to chosen inserts what a network may do to them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.faults import Cut
from tests.chaos.http_message import read_message, table_of_insert

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable

LARGEST_HEAD = 1024 * 1024


@dataclass
class Trap:
    """What is to be done to inserts until it is taken away; `struck` counts to how many it was.

    `do` is a cut, or what is called once an insert was passed on whole, and before it is answered. `tables` are those
    whose inserts it waits for, `delay_s` is for `Cut.DELAY`.
    """

    do: Cut | Callable[[], None]
    tables: frozenset[str]
    times: int = 1
    delay_s: float = 0.0
    struck: int = 0
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it has struck as often as it may."""

    def take(self) -> bool:
        """Strike, unless it has as often as it may."""
        if self.struck == self.times:
            return False
        self.struck += 1
        if self.struck == self.times:
            self.sprung.set()
        return True


class Proxy:
    """Passes requests on to ClickHouse one by one, and answers back, but where a trap is set."""

    def __init__(self, clickhouse_port: int) -> None:
        self._clickhouse_port = clickhouse_port
        self._traps: list[Trap] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen on a free port, and give the URL."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=LARGEST_HEAD)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def close(self) -> None:
        """Listen no more, and cut what is connected."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def set(self, trap: Trap) -> None:
        """Set a trap; where several wait for the same table, the first set strikes first."""
        self._traps.append(trap)

    def remove(self, trap: Trap) -> None:
        """Take a trap away."""
        self._traps.remove(trap)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        # A connection that breaks is what this is about: the other side sees it, and nobody has to hear of it here.
        # Cancelled it just ends: in Python 3.11 the server's own callback takes a cancelled task for an error.
        broken = OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        with suppress(*broken, asyncio.CancelledError):
            while (request := await read_message(reader)) and await self._pass(request, writer):
                pass
        writer.transport.abort()

    async def _pass(self, request: bytes, client: StreamWriter) -> bool:
        """Pass one request on; tell whether the client got its answer whole."""
        trap = self._trap_for(request)
        do = trap.do if trap else None
        if trap and do is Cut.DELAY:
            await asyncio.sleep(trap.delay_s)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._clickhouse_port, limit=LARGEST_HEAD)
        try:
            if do is Cut.REQUEST:
                writer.write(request[: len(request) // 2])
                await writer.drain()
                return False
            writer.write(request)
            await writer.drain()
            if callable(do):
                do()
            answer = await read_message(reader)
        finally:
            writer.close()
        if answer is None or do is Cut.NO_ANSWER:
            return False
        client.write(answer[: len(answer) // 2] if do is Cut.ANSWER else answer)
        await client.drain()
        return do is not Cut.ANSWER

    def _trap_for(self, request: bytes) -> Trap | None:
        table = table_of_insert(request) if self._traps else None
        return next((trap for trap in self._traps if table in trap.tables and trap.take()), None)
