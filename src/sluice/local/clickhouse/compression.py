"""Content codings, both ways, piece by piece and in bounded memory.

ClickHouse's names: lz4 (frame), zstd, gzip, deflate (zlib), br.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Protocol

import brotli
import lz4.frame
from backports import zstd

from sluice.local.clickhouse.errors import ClickHouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 1024 * 1024
"""The most that one step of decompression gives, in bytes, so that a small bomb stays small."""

PREFERRED = ("lz4", "zstd", "gzip", "deflate", "br")
"""Codings of answers, cheapest for both ends first; a client's own order is not looked at, as in ClickHouse."""


class Encoder(Protocol):
    """Compresses one answer."""

    def encode(self, data: bytes) -> bytes:
        """Take more of the answer, give what is ready."""

    def finish(self) -> bytes:
        """Give the rest."""


class Identity:
    """No compression."""

    def encode(self, data: bytes) -> bytes:
        """Give the data as it is."""
        return data

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""


class _Compressing:
    def __init__(self, encode: Callable[[bytes], bytes], finish: Callable[[], bytes], head: bytes = b"") -> None:
        self._encode = encode
        self._finish = finish
        self._head = head

    def encode(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + self._encode(data)

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head + self._finish()


def encoder(coding: str) -> Encoder:
    """Make the encoder of a coding; an empty name is none."""
    if coding == "lz4":
        frame = lz4.frame.LZ4FrameCompressor()
        return _Compressing(frame.compress, frame.flush, frame.begin())
    if coding == "zstd":
        stream = zstd.ZstdCompressor(level=1)
        return _Compressing(stream.compress, stream.flush)
    if coding in {"gzip", "deflate"}:
        packer = zlib.compressobj(3, zlib.DEFLATED, 31 if coding == "gzip" else 15)
        return _Compressing(packer.compress, packer.flush)
    if coding == "br":
        brotlier = brotli.Compressor(quality=3)
        return _Compressing(brotlier.process, brotlier.finish)
    return Identity()


def chosen_coding(accept_encoding: str) -> str:
    """Choose the coding of an answer from the Accept-Encoding header; empty for none."""
    offered = set()
    for item in accept_encoding.lower().split(","):
        name, _, quality = item.partition(";")
        if quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            offered.add(name.strip())
    return next((coding for coding in PREFERRED if coding in offered), "")


class Decoder(Protocol):
    """Decompresses one request body."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Take more of the body, give pieces of at most `PIECE` bytes. Raises `ClickHouseError`."""

    def finish(self) -> None:
        """Raise `ClickHouseError` if the body broke off."""


class Plain:
    """A body that is not compressed."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Give the data as it is."""
        yield data

    def finish(self) -> None:
        """Nothing can be missing."""


class _Frames:
    """One or several compressed frames behind each other."""

    def __init__(self, coding: str, open_frame: Callable[[], Any]) -> None:
        self._coding = coding
        self._open = open_frame
        self._frame = open_frame()
        self._began = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                self._began = True
                yield self._frame.decompress(data, PIECE)
                while not self._frame.eof and not self._frame.needs_input:
                    yield self._frame.decompress(b"", PIECE)
                data = self._frame.unused_data or b""
                if self._frame.eof:
                    self._frame, self._began = self._open(), False
                else:
                    return
        except (zlib.error, zstd.ZstdError, RuntimeError, brotli.error, EOFError, ValueError) as error:
            raise ClickHouseError(271, f"Cannot decompress the request body ({self._coding}): {error}") from None

    def finish(self) -> None:
        if self._began and not getattr(self._frame, "complete", False):
            raise ClickHouseError(271, f"Cannot decompress the request body ({self._coding}): it breaks off")


class _Zlib:
    """zlib's decompressor, with the interface of the others."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(data or self._inner.unconsumed_tail, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Brotli:
    """Brotli's decompressor, with the interface of the others. As in ClickHouse, nothing may follow its stream."""

    eof = False
    unused_data = b""

    def __init__(self) -> None:
        self._inner = brotli.Decompressor()
        self._gave_all = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = bytes(self._inner.process(data, output_buffer_limit=max_length))
        self._gave_all = not piece
        return piece

    @property
    def needs_input(self) -> bool:
        # `can_accept_more_data` is true while output is still held back, so ask until nothing comes.
        return self._gave_all or bool(self._inner.is_finished())

    @property
    def complete(self) -> bool:
        return bool(self._inner.is_finished())


_FRAMES: dict[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: _Zlib(31),
    "x-gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "br": _Brotli,
}


def decoder(content_encoding: str) -> Decoder:
    """Make the decoder of a Content-Encoding header. Raises `ClickHouseError` for one that ClickHouse lacks here."""
    coding = content_encoding.strip().lower()
    if coding in {"", "identity"}:
        return Plain()
    if coding not in _FRAMES:
        raise ClickHouseError(89, f"Unknown compression method '{content_encoding}' in Content-Encoding.")
    return _Frames(coding, _FRAMES[coding])
