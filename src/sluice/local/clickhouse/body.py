"""Reading request bodies: decompressed, in bounded pieces."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from sluice.local.clickhouse.compression import decoder
from sluice.local.clickhouse.errors import ClickHouseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

_BROKEN_OFF = (ConnectionError, aiohttp.ClientError, HttpProcessingError)

HEAD_BYTES = 262_144
"""How much of a text is read before it is looked at; ClickHouse's max_query_size."""

PIECE_BYTES = 1024 * 1024
"""How much data of an INSERT is gathered before it is passed to the engine."""


class Body:
    """One request's body, decompressed as it comes."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
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

        Raises `ClickHouseError` for broken compression, and when the body breaks off.
        """
        gathered: list[bytes] = []
        size = 0
        while size < at_least and not self.complete:
            try:
                piece = await anext(self._pieces, None)
            except _BROKEN_OFF as error:
                raise ClickHouseError(210, f"The request body breaks off: {error}") from None
            if piece is None:
                self.complete = True
            else:
                gathered.append(piece)
                size += len(piece)
        return b"".join(gathered)

    async def drain(self) -> None:
        """Read and forget what is left, so that a client still sending gets to the error that waits for it."""
        with contextlib.suppress(*_BROKEN_OFF):
            async for _ in self._request.content.iter_any():
                pass

    async def fields(self) -> dict[str, str]:
        """Read a form (multipart/form-data): parameters, and the query, that are too long for a URL.

        Raises `ClickHouseError` for files, which would be external tables.
        """
        fields: dict[str, str] = {}
        try:
            async for part in await self._request.multipart():
                if not isinstance(part, aiohttp.BodyPartReader) or part.filename is not None or not part.name:
                    raise ClickHouseError(48, "External tables are not supported by the embedded ClickHouse.")
                fields.setdefault(part.name, (await part.read()).decode("utf-8", "surrogateescape"))
        except (*_BROKEN_OFF, ValueError) as error:
            raise ClickHouseError(210, f"The request body breaks off: {error}") from None
        self.complete = True
        return fields

    async def rest(self, limit: int) -> bytes:
        """Read to the end. Raises `ClickHouseError` when that is more than the limit."""
        data = await self.take(limit + 1)
        if len(data) > limit:
            raise ClickHouseError(229, f"The query is larger than {limit} bytes.")
        return data
