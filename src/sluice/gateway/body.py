"""Reading a request's body: within a limit of size, of time, and of what all bodies may take together.

A compressed body is unfolded once it is there as a whole. So there is never more than one decompressor at work, whose
window may take 16 MiB, however many clients send slowly.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from sluice.contract.errors import Malformed, TooLarge, TooSlow
from sluice.contract.topics import MIB
from sluice.gateway.decoding import decoder_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable

    from sluice.gateway.decoding import Decoder

MAX_BYTES = 10 * MIB
"""The limit of a body after decompression."""

MAX_COMPRESSED_BYTES = MAX_BYTES + MIB
"""The limit before it: what does not shrink may grow a little, but nothing that fits unfolds from more."""

_FED_BYTES = 64 * 1024


async def body_of(request: web.Request, hold: Callable[[int], None], timeout_s: float, *, keep: bool = True) -> bytes:
    """Read a request's whole body; see `read_body`. Raises `TooSlow` when it takes longer than `timeout_s`."""
    encoding = ", ".join(request.headers.getall("Content-Encoding", ()))
    reading = read_body(_chunks(request), encoding, request.content_length, hold, keep=keep)
    if request.content.is_eof():  # all of it came with the head, as most do: spare the timer
        return await reading
    try:
        async with asyncio.timeout(timeout_s):
            return await reading
    except TimeoutError:
        raise TooSlow("Body did not arrive in time") from None


async def read_body(
    chunks: AsyncIterable[bytes],
    encoding: str,
    declared_bytes: int | None,
    hold: Callable[[int], None],
    *,
    keep: bool = True,
) -> bytes:
    """Read a whole body.

    `chunks` is the body as it arrives, `encoding` the Content-Encoding (empty: none), `declared_bytes` the
    Content-Length. `hold` is told of all bytes before they are kept, and raises when they are too many. A body that
    nobody will look at is not kept, only checked (`keep`); then the answer is empty.

    Raises `UnsupportedEncoding`, `TooLarge` as soon as a limit is passed, and `Malformed` when a compressed stream
    is broken or ends too early.
    """
    decoder = decoder_for(encoding)
    limit = MAX_BYTES if decoder is None else MAX_COMPRESSED_BYTES
    if declared_bytes is not None and declared_bytes > limit:
        raise _too_large()
    received: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large()
        if keep or decoder is not None:
            hold(len(chunk))
            received.append(chunk)
    body = b"".join(received)
    if decoder is None:
        return body
    return _unfolded(decoder, body, hold if keep else None)


def _unfolded(decoder: Decoder, packed: bytes, hold: Callable[[int], None] | None) -> bytes:
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


def _too_large() -> TooLarge:
    return TooLarge(f"Body exceeds {MAX_BYTES // MIB} MiB")


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Malformed("Body is incomplete") from error
