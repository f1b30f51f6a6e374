"""A proxy between the sinks and ClickHouse that does to chosen requests what a network may do to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.faults import Cut
from tests.chaos.http_message import read_message, target

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Callable, Iterator

LARGEST_HEAD = 1024 * 1024
OK = b"HTTP/1.1 200 "
ANSWERS = frozenset({Cut.ANSWER, Cut.NO_ANSWER})
"""Cuts of an answer that says that the insert was applied, or what the mark is."""


@dataclass
class Trap:
    """What is to be done to inserts into some tables, or to questions for a mark, until it is taken away.

    `then` is called in the midst of it: where an insert is delayed, before the delay; where it is passed on,
    `delay_s` after that, before it is answered.
    """

    cut: Cut
    targets: frozenset[str]
    times: int = 1
    delay_s: float = 0.0
    then: Callable[[], None] = lambda: None
    struck: int = 0
    """To how many requests it was done."""
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once that is as many as it may."""
    _taken: int = 0

    @contextmanager
    def taken(self) -> Iterator[Callable[[], None]]:
        """Do it to one request, and give what to call once it is done; where it fails, another has its turn."""
        self._taken += 1
        before = self.struck
        try:
            yield self._strike
        finally:
            if self.struck == before:
                self._taken -= 1

    @property
    def is_set(self) -> bool:
        """Whether it waits for a request."""
        return self._taken < self.times

    def _strike(self) -> None:
        self.struck += 1
        if self.struck == self.times:
            self.sprung.set()


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
        """Set a trap; where several wait for the same, the first set strikes first."""
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
        if trap is None:
            return await self._answered(request, client)
        with trap.taken() as strike:
            return await self._trapped(trap, request, client, strike)

    async def _answered(self, request: bytes, client: StreamWriter) -> bool:
        async with self._clickhouse() as (reader, writer):
            writer.write(request)
            answer = await read_message(reader)
        client.write(answer or b"")
        await client.drain()
        return answer is not None

    async def _trapped(self, trap: Trap, request: bytes, client: StreamWriter, strike: Callable[[], None]) -> bool:
        if trap.cut is Cut.DELAY:
            trap.then()
            await asyncio.sleep(trap.delay_s)
        async with self._clickhouse() as (reader, writer):
            if trap.cut is Cut.REQUEST:
                writer.write(request[: len(request) // 2])
                await writer.drain()
                strike()
                return False
            writer.write(request)
            await writer.drain()
            if trap.cut is Cut.NONE:
                await asyncio.sleep(trap.delay_s)
                trap.then()
                strike()
            answer = await read_message(reader)
        if answer is None:
            return False
        if trap.cut is Cut.DELAY:
            strike()
        elif trap.cut in ANSWERS and answer.startswith(OK):
            answer = b"" if trap.cut is Cut.NO_ANSWER else answer[: len(answer) // 2]
            client.write(answer)
            strike()
            return False
        client.write(answer)
        await client.drain()
        return True

    @asynccontextmanager
    async def _clickhouse(self) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._clickhouse_port, limit=LARGEST_HEAD)
        try:
            yield reader, writer
        finally:
            writer.close()

    def _trap_for(self, request: bytes) -> Trap | None:
        found = target(request) if self._traps else None
        return next((trap for trap in self._traps if trap.is_set and found in trap.targets), None)
