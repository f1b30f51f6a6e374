"""Compressed streams, however they arrive, and those made to hurt."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.errors import Malformed, UnsupportedEncoding
from sluice.gateway.decoding import MAX_PARTS, PIECE_BYTES, decoder_for


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate (raw)": raw_deflate,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
every_encoding = pytest.mark.parametrize("name", PACKERS)


def unfold(packed: bytes, name: str, chunk: int = 65536) -> bytes:
    decoder = decoder_for(name.partition(" ")[0])
    assert decoder is not None
    fed = (packed[start : start + chunk] for start in range(0, len(packed), chunk))
    unfolded = b"".join(piece for data in fed for piece in decoder.feed(data))
    decoder.finish()
    return unfolded


@every_encoding
@given(data=st.binary(max_size=2000), chunk=st.integers(1, 2100))
def test_a_stream_is_read_however_it_arrives(name, data, chunk):
    assert unfold(PACKERS[name](data), name, chunk) == data


@given(parts=st.lists(st.binary(max_size=100), min_size=1, max_size=4), chunk=st.integers(1, 200))
def test_gzip_members_and_zstd_frames_follow_one_another(parts, chunk):
    assert unfold(b"".join(map(gzip.compress, parts)), "gzip", chunk) == b"".join(parts)
    assert unfold(b"".join(map(zstd.compress, parts)), "zstd", chunk) == b"".join(parts)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_thousand_members_or_frames_pass_and_one_more_does_not(name):
    part = PACKERS[name](b"a")
    assert unfold(part * MAX_PARTS, name) == b"a" * MAX_PARTS
    with pytest.raises(Malformed, match="more than 1000 compressed parts"):
        unfold(part * (MAX_PARTS + 1), name)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_empty_members_and_frames_count_too(name):
    assert unfold(PACKERS[name](b"") * MAX_PARTS, name) == b""
    with pytest.raises(Malformed):
        unfold(PACKERS[name](b"") * (MAX_PARTS + 1), name)


def test_deflate_has_one_stream_only():
    for pack in (zlib.compress, raw_deflate):
        with pytest.raises(Malformed):
            unfold(pack(b"{") + pack(b"}"), "deflate")


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_nothing_needs_no_decoder(encoding):
    assert decoder_for(encoding) is None


def test_the_encodings_name_is_read_leniently():
    decoder = decoder_for(" GZIP ")
    assert decoder is not None
    assert b"".join(decoder.feed(gzip.compress(b"{}"))) == b"{}"


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "gzip, gzip", "utf-8", "snappy"])
def test_any_other_encoding_is_refused(encoding):
    with pytest.raises(UnsupportedEncoding, match="gzip, deflate, br, zstd"):
        decoder_for(encoding)


@every_encoding
def test_a_truncated_stream_is_refused(name):
    packed = PACKERS[name](bytes(range(256)) * 20)
    for end in (0, 1, 2, 3, len(packed) // 2, len(packed) - 1):
        with pytest.raises(Malformed):
            unfold(packed[:end], name)


@every_encoding
def test_a_broken_stream_is_refused(name):
    packed = bytearray(PACKERS[name](bytes(range(256)) * 20))
    packed[0] ^= 0xFF
    with pytest.raises(Malformed):
        unfold(bytes(packed), name)


@every_encoding
def test_what_follows_a_stream_is_refused(name):
    with pytest.raises(Malformed):
        unfold(PACKERS[name](b"{}") + b"garbage", name)


BOMB_BYTES = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    zeros = bytes(BOMB_BYTES)
    return {
        name: pack(zeros) for name, pack in (PACKERS | {"br": lambda data: brotli.compress(data, quality=1)}).items()
    }


@every_encoding
def test_no_piece_is_larger_than_asked_for_and_none_is_made_before_it_is_asked_for(name, bombs):
    decoder = decoder_for(name.partition(" ")[0])
    assert decoder is not None
    assert len(bombs[name]) < BOMB_BYTES / 500
    tracemalloc.start()
    try:
        pieces = decoder.feed(bombs[name])
        sizes = [len(next(pieces)) for _ in range(8)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max(sizes) <= PIECE_BYTES
    assert peak < 4 * PIECE_BYTES


@every_encoding
def test_a_bomb_unfolds_to_all_that_it_holds(name, bombs):
    decoder = decoder_for(name.partition(" ")[0])
    assert decoder is not None
    assert sum(len(piece) for piece in decoder.feed(bombs[name])) == BOMB_BYTES


def test_zstd_may_not_ask_for_a_large_window():
    def streamed(window_log: int) -> bytes:
        packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
        return packer.compress(b"a" * 1000) + packer.flush()

    assert unfold(streamed(23), "zstd") == b"a" * 1000
    with pytest.raises(Malformed):
        unfold(streamed(24), "zstd")
