"""Reading request bodies: decompressed, in bounded pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.local.clickhouse.compression import decoder
from sluice.local.clickhouse.errors import ClickHouseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

HEAD_BYTES = 262_144
"""How much of a text is read before it is looked at; ClickHouse's max_query_size."""

PIECE_BYTES = 1024 * 1024
"""How much data of an INSERT is gathered before it is passed to the engine."""


class Body:
    """One request's body, decompressed as it comes."""

    def __init__(self, request: web.Request) -> None:
        self._pieces = self._decoded(request)
        self.complete = not request.body_exists

    async def _decoded(self, request: web.Request) -> AsyncIterator[bytes]:
        decode = decoder(request.headers.get("Content-Encoding", ""))
        async for data in request.content.iter_any():
            for piece in decode.decode(data):
                yield piece
        decode.finish()

    async def take(self, at_least: int) -> bytes:
        """Read until so many bytes are there, or the end.

        Raises `ClickHouseError` for broken compression, OSError or `aiohttp.ClientError` when the client goes.
        """
        gathered: list[bytes] = []
        size = 0
        while size < at_least and not self.complete:
            piece = await anext(self._pieces, None)
            if piece is None:
                self.complete = True
            else:
                gathered.append(piece)
                size += len(piece)
        return b"".join(gathered)

    async def rest(self, limit: int) -> bytes:
        """Read to the end. Raises `ClickHouseError` when that is more than the limit."""
        data = await self.take(limit + 1)
        if len(data) > limit:
            raise ClickHouseError(229, f"The query is larger than {limit} bytes.")
        return data
