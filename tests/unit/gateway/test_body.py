"""Bodies within their limits, and what is held of those that are not."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import brotli
import pytest
from backports import zstd
from tests.unit.gateway.test_decoding import PACKERS, every_encoding

from sluice.contract.errors import Malformed, Retry, TooLarge, UnsupportedEncoding
from sluice.contract.topics import MIB
from sluice.gateway.body import MAX_BYTES, MAX_COMPRESSED_BYTES, Body, unfolded
from sluice.gateway.decoding import PIECE_BYTES, decoder_for

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 64 * 1024


class Held:
    """Counts what is held; refuses what is over its limit."""

    def __init__(self, limit: int = 1 << 62) -> None:
        self.bytes = 0
        self.limit = limit

    def __call__(self, size: int) -> None:
        if self.bytes + size > self.limit:
            raise Retry("too much")
        self.bytes += size


def header(name: str) -> str:
    return name.partition(" ")[0]


def received(
    sent: bytes, encoding: str = "", declared: int | None = None, hold: Held | None = None, *, keep: bool = True
) -> bytes:
    body = Body(encoding, declared, hold or Held(), keep=keep)
    for start in range(0, len(sent), CHUNK_BYTES):
        body.take(sent[start : start + CHUNK_BYTES])
    return body.whole()


@pytest.mark.parametrize("sent", [b"", b"{}", b"{" + b" " * 200_000 + b"}"], ids=len)
def test_a_body_is_what_was_sent(sent):
    assert received(sent) == sent


@every_encoding
def test_a_compressed_body_is_what_was_compressed(name):
    data = bytes(range(256)) * 2000
    assert received(PACKERS[name](data), header(name)) == data


def test_an_encoding_that_nobody_reads_is_refused_before_the_body_comes():
    with pytest.raises(UnsupportedEncoding):
        Body("snappy", None, Held())


@every_encoding
def test_10_mib_pass_and_one_byte_more_does_not(name):
    data = b"a" * MAX_BYTES
    assert received(PACKERS[name](data), header(name)) == data
    with pytest.raises(TooLarge, match="10 MiB"):
        received(PACKERS[name](data + b"a"), header(name))


def test_10_mib_pass_uncompressed_and_one_byte_more_does_not():
    data = b"a" * MAX_BYTES
    assert received(data) == data
    with pytest.raises(TooLarge, match="10 MiB"):
        received(data + b"a")


@pytest.mark.parametrize(("encoding", "limit"), [("", MAX_BYTES), ("gzip", MAX_COMPRESSED_BYTES)])
def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes(encoding, limit):
    Body(encoding, limit, Held())
    with pytest.raises(TooLarge):
        Body(encoding, limit + 1, Held())


def test_a_compressed_body_ends_at_its_own_limit_whatever_it_unfolds_to():
    body = Body("gzip", None, Held())
    for _ in range(MAX_COMPRESSED_BYTES // CHUNK_BYTES):
        body.take(bytes(CHUNK_BYTES))
    with pytest.raises(TooLarge):
        body.take(b"a")


def test_10_mib_that_do_not_shrink_pass_all_the_same():
    data = bytes(range(256)) * (MAX_BYTES // 256)
    stored = gzip.compress(data, compresslevel=0)
    assert MAX_BYTES < len(stored) < MAX_COMPRESSED_BYTES
    assert received(stored, "gzip") == data


class CountingDecoder:
    """Counts what a decoder has unfolded."""

    def __init__(self, name: str) -> None:
        decoder = decoder_for(header(name))
        assert decoder is not None
        self._decoder = decoder
        self.unfolded = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._decoder.feed(data):
            self.unfolded += len(piece)
            yield piece

    def finish(self) -> None:
        self._decoder.finish()


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("name", [*PACKERS, "gzip (members)", "zstd (frames)"])
def test_a_bomb_is_unfolded_to_10_mib_and_a_piece_and_no_further(name, bombs, keep):
    decoder = CountingDecoder(name)
    held = Held()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="10 MiB"):
            unfolded(bombs[name], decoder, held if keep else None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert MAX_BYTES < decoder.unfolded <= MAX_BYTES + PIECE_BYTES
    assert held.bytes <= MAX_BYTES * keep
    assert peak < MAX_BYTES * keep + 8 * PIECE_BYTES


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """32 MiB of zeros, in one stream and in 32 that follow one another."""
    mib = bytes(MIB)
    bombs = {name: pack(mib * 32) for name, pack in PACKERS.items() if name != "br"}
    bombs["br"] = brotli.compress(mib * 32, quality=1)
    return bombs | {"gzip (members)": gzip.compress(mib) * 32, "zstd (frames)": zstd.compress(mib) * 32}


def test_a_bomb_in_a_bomb_is_one_body_that_is_no_json_and_is_not_unfolded_again(bombs):
    twice = gzip.compress(bombs["gzip"])
    assert received(twice, "gzip") == bombs["gzip"]


def test_everything_that_is_kept_is_held_before():
    held = Held()
    received(b"a" * 100_000, "", hold=held)
    assert held.bytes == 100_000
    packed = gzip.compress(b"a" * 100_000)
    received(packed, "gzip", hold=held)
    assert held.bytes == 100_000 + len(packed) + 100_000


def test_what_may_not_be_held_ends_the_reading():
    for sent, encoding in ((b"a" * 100_000, ""), (gzip.compress(b"a" * 100_000), "gzip")):
        with pytest.raises(Retry):
            received(sent, encoding, hold=Held(99_999))


def test_nothing_is_held_of_a_body_that_is_not_kept():
    held = Held()
    assert received(b"a" * 100_000, "", hold=held, keep=False) == b""
    assert held.bytes == 0


@every_encoding
def test_a_body_that_is_not_kept_is_checked_all_the_same(name):
    packed = PACKERS[name](b"{}")
    assert received(packed, header(name), keep=False) == b""
    with pytest.raises(Malformed):
        received(packed[:-1], header(name), keep=False)
    with pytest.raises(TooLarge):
        received(PACKERS[name](b" " * (MAX_BYTES + 1)), header(name), keep=False)
