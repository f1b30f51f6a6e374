"""Content-Encodings of bodies: gzip, deflate, br and zstd, unfolded piece by piece.

A small stream can unfold to gigabytes, so no decompressor is ever asked for more than a piece at a time.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import brotli
from backports import zstd

from sluice.contract.errors import Malformed, UnsupportedEncoding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCEPTED_ENCODINGS = "gzip, deflate, br, zstd"

PIECE_BYTES = 256 * 1024
"""The most that a decompressor is asked for."""

MAX_PARTS = 1000
"""The most members of a gzip stream, or frames of a zstd stream: each costs a new decompressor, also an empty one."""

# brotli gives up to twice what it is asked for.
_BROTLI_PIECE_BYTES = PIECE_BYTES // 2

# RFC 9659: as a content coding, zstd may ask for a window of 8 MiB at most.
_ZSTD_WINDOW_LOG = 23


class Decoder(Protocol):
    """One compressed stream being read."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes and give what they unfold to, in pieces of `PIECE_BYTES` at most.

        Raises `Malformed` when the stream is broken.
        """

    def finish(self) -> None:
        """Raise `Malformed` when the stream has not come to its end."""


def decoder_for(encoding: str) -> Decoder | None:
    """Give a decoder for a Content-Encoding, None where there is nothing to decode.

    Raises `UnsupportedEncoding` for anything but gzip, deflate, br and zstd, and for several of them stacked.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    try:
        return _DECODERS[name]()
    except KeyError:
        raise UnsupportedEncoding(f"Content-Encoding must be one of {ACCEPTED_ENCODINGS}") from None


class _Zlib:
    """gzip (with several members, as RFC 1952 allows) and deflate."""

    def __init__(self, name: str, window_bits: Callable[[int], int]) -> None:
        self._broken = Malformed(f"Body is not a valid {name} stream")
        self._window_bits = window_bits
        self._held = b""
        self._stream: zlib._Decompress | None = None
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        data = self._held + data
        self._held = b""
        while data:
            if self._stream is None:
                if len(data) < 2:  # too short to tell the kind of stream
                    self._held = data
                    return
                self._stream = self._open(data)
            try:
                yield self._stream.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise self._broken from None
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data, self._stream = self._stream.unused_data, None
        # What the decompressor still holds back comes with the next bytes, or is given out here.
        yield from self._rest()

    def _open(self, data: bytes) -> zlib._Decompress:
        self._members = _one_more_part(self._members)
        bits = self._window_bits(int.from_bytes(data[:2], "big"))
        if self._members > 1 and bits < _GZIP_BITS:  # only gzip has further members
            raise self._broken
        return zlib.decompressobj(bits)

    def _rest(self) -> Iterator[bytes]:
        while self._stream is not None:
            try:
                piece = self._stream.decompress(b"", PIECE_BYTES)
            except zlib.error:
                raise self._broken from None
            if self._stream.eof:
                self._stream = None
            if not piece:
                return
            yield piece

    def finish(self) -> None:
        if self._stream is not None or self._held or not self._members:
            raise self._broken


_GZIP_BITS = 16 + zlib.MAX_WBITS


def _gzip_bits(_: int) -> int:
    return _GZIP_BITS


def _deflate_bits(header: int) -> int:
    """Tell zlib-wrapped deflate (RFC 1950, what HTTP means) from the raw one that some clients send."""
    wrapped = (header >> 8) & 0x0F == zlib.DEFLATED and header % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._broken = Malformed("Body is not a valid br stream")

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not data:
            return
        if self._stream.is_finished():
            raise self._broken
        try:
            piece = self._stream.process(data, output_buffer_limit=_BROTLI_PIECE_BYTES)
            # After a piece of exactly the limit it may want more, although it only has to come to its end.
            while piece or not (self._stream.is_finished() or self._stream.can_accept_more_data()):
                yield piece
                more = not self._stream.is_finished()
                piece = self._stream.process(b"", output_buffer_limit=_BROTLI_PIECE_BYTES) if more else b""
        except brotli.error:
            raise self._broken from None

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise self._broken


class _Zstd:
    """zstd, with several frames, as RFC 8878 allows."""

    def __init__(self) -> None:
        self._options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        self._stream: zstd.ZstdDecompressor | None = None
        self._frames = 0
        self._broken = Malformed("Body is not a valid zstd stream")

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream is None:
                self._stream = zstd.ZstdDecompressor(options=self._options)
                self._frames = _one_more_part(self._frames)
            try:
                yield self._stream.decompress(data, PIECE_BYTES)
                while not self._stream.eof and not self._stream.needs_input:
                    yield self._stream.decompress(b"", PIECE_BYTES)
            except zstd.ZstdError:
                raise self._broken from None
            data = b""
            if self._stream.eof:
                data, self._stream = self._stream.unused_data, None

    def finish(self) -> None:
        if self._stream is not None or not self._frames:
            raise self._broken


def _one_more_part(parts: int) -> int:
    if parts == MAX_PARTS:
        raise Malformed(f"Body has more than {MAX_PARTS} compressed parts")
    return parts + 1


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: _Zlib("gzip", _gzip_bits),
    "x-gzip": lambda: _Zlib("gzip", _gzip_bits),
    "deflate": lambda: _Zlib("deflate", _deflate_bits),
    "br": _Brotli,
    "zstd": _Zstd,
}
