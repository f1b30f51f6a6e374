"""Reading a request's body: within a limit of size, of time, and of what all bodies may take together.

A compressed body is unfolded once it is there as a whole. So there is never more than one decompressor at work, whose
window may take 16 MiB, however many clients send slowly.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from sluice.contract.errors import Malformed, Retry, TooLarge, TooSlow
from sluice.contract.topics import MIB
from sluice.gateway.decoding import decoder_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.gateway.decoding import Decoder

MAX_BYTES = 10 * MIB
"""The limit of a body after decompression."""

MAX_COMPRESSED_BYTES = MAX_BYTES + MIB
"""The limit before it: what does not shrink may grow a little, but nothing that fits unfolds from more."""

_FED_BYTES = 64 * 1024


class Body:
    """A body that is being received.

    `encoding` is its Content-Encoding (empty: none), `declared_bytes` its Content-Length (None: chunked). `hold` is
    told of all bytes before they are kept, and raises `Retry` when that would be too many. What nobody may send is
    only checked, as far as there is room for that, not kept (`keep`), and then the whole of it is empty.

    Raises `UnsupportedEncoding`, and `TooLarge` as soon as a limit is passed.
    """

    __slots__ = ("_chunks", "_decoder", "_hold", "_keep", "_limit", "_size")

    def __init__(
        self, encoding: str, declared_bytes: int | None, hold: Callable[[int], None], *, keep: bool = True
    ) -> None:
        self._decoder = decoder_for(encoding)
        self._limit = MAX_BYTES if self._decoder is None else MAX_COMPRESSED_BYTES
        if declared_bytes is not None and declared_bytes > self._limit:
            raise _too_large()
        self._hold = hold
        self._keep = keep
        self._size = 0
        self._chunks: list[bytes] = []

    def take(self, chunk: bytes) -> None:
        """Take what has come. Raises `TooLarge`."""
        self._size += len(chunk)
        if self._size > self._limit:
            raise _too_large()
        if self._keep or self._decoder is not None:
            self._store(chunk)

    def _store(self, chunk: bytes) -> None:
        try:
            self._hold(len(chunk))
        except Retry:
            if self._keep:
                raise
            self._decoder = None  # there is too much of this kind: its length, as it comes, must do
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    def whole(self) -> bytes:
        """Give the body once all of it has come, unfolded.

        Raises `TooLarge`, and `Malformed` when a compressed stream is broken or ends too early.
        """
        body = b"".join(self._chunks)
        return body if self._decoder is None else unfolded(body, self._decoder, self._hold if self._keep else None)


def unfolded(packed: bytes, decoder: Decoder, hold: Callable[[int], None] | None) -> bytes:
    """Decompress a body, and stop at the first piece that passes the limit; without `hold`, keep nothing.

    Raises `TooLarge`, and `Malformed` when the stream is broken or ends too early.
    """
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(packed), _FED_BYTES):
        for piece in decoder.feed(packed[start : start + _FED_BYTES]):
            size += len(piece)
            if size > MAX_BYTES:
                raise _too_large()
            if hold is not None:
                hold(len(piece))
                pieces.append(piece)
    decoder.finish()
    return b"".join(pieces)


async def read_body(
    request: web.Request, hold: Callable[[int], None], timeout_s: float, *, keep: bool = True
) -> bytes:
    """Read a request's whole body, as `Body` says.

    Raises `TooSlow` when it takes longer than `timeout_s`, and `Malformed` when it ends too early.
    """
    encoding = ", ".join(request.headers.getall("Content-Encoding", ()))
    body = Body(encoding, request.content_length, hold, keep=keep)
    content = request.content
    if content.is_eof():  # it came with the head, as most do
        body.take(content.read_nowait())
        return body.whole()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in content.iter_any():
                body.take(chunk)
    except TimeoutError:
        raise TooSlow("Body did not arrive in time") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Malformed("Body is incomplete") from None
    return body.whole()


def _too_large() -> TooLarge:
    return TooLarge(f"Body exceeds {MAX_BYTES // MIB} MiB")
