"""A connection to the gateway on which anything can be sent, and nothing is sent by itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from multidict import CIMultiDict, CIMultiDictProxy
from tests.unit.gateway.harness import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DEADLINE_S = 20


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        """Send parts, each on its own, whether the gateway reads them or not."""
        for part in parts:
            self._writer.write(part)
            await asyncio.sleep(0)

    @property
    def unsent_bytes(self) -> int:
        """How much the kernels on the way have not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def end(self) -> None:
        """Say that nothing more will be sent; answers can still be read."""
        self._writer.write_eof()

    async def answer(self) -> Answer:
        """Read the next answer."""
        async with asyncio.timeout(DEADLINE_S):
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = (line.partition(": ") for line in lines[1:] if line)
            headers = CIMultiDictProxy(CIMultiDict([(name, value) for name, _, value in fields]))
            body = await self._reader.readexactly(int(headers.get("Content-Length", 0)))
            return Answer(int(lines[0].split()[1]), headers, body)

    async def rest(self) -> bytes:
        """Read until the gateway closes the connection."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def last_answer(self) -> Answer:
        """Read an answer after which the gateway closes the connection and says nothing more."""
        answer = await self.answer()
        assert await self.rest() == b""
        return answer


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.001)
