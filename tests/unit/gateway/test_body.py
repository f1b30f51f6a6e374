from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.errors import Malformed, TooLarge, UnsupportedEncoding
from sluice.gateway.body import MAX_BYTES, read_body


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


def nothing(_: int) -> None:
    pass


every_encoding = pytest.mark.parametrize("name", PACKERS)


def header(name: str) -> str:
    return name.partition(" ")[0]


async def read(sent: bytes, encoding: str = "", chunk: int = 65536, declared: int | None = None) -> bytes:
    async def chunks():
        for start in range(0, len(sent), chunk):
            yield sent[start : start + chunk]

    return await read_body(chunks(), encoding, declared, nothing)


@every_encoding
@given(data=st.binary(max_size=2000), chunk=st.integers(1, 2100))
async def test_a_compressed_body_is_read_however_it_arrives(name, data, chunk):
    assert await read(PACKERS[name](data), header(name), chunk) == data


async def test_deflate_has_one_stream_only():
    for pack in (zlib.compress, raw_deflate):
        with pytest.raises(Malformed):
            await read(pack(b"{") + pack(b"}"), "deflate")


@given(parts=st.lists(st.binary(max_size=100), min_size=1, max_size=4), chunk=st.integers(1, 200))
async def test_gzip_members_and_zstd_frames_follow_one_another(parts, chunk):
    assert await read(b"".join(map(gzip.compress, parts)), "gzip", chunk) == b"".join(parts)
    assert await read(b"".join(map(zstd.compress, parts)), "zstd", chunk) == b"".join(parts)


@pytest.mark.parametrize("encoding", ["", "identity", " GZIP "])
async def test_the_encodings_name_is_read_leniently(encoding):
    sent = b"{}" if "GZIP" not in encoding else gzip.compress(b"{}")
    assert await read(sent, encoding) == b"{}"


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "utf-8", "snappy"])
async def test_any_other_encoding_is_refused(encoding):
    with pytest.raises(UnsupportedEncoding):
        await read(b"{}", encoding)


@every_encoding
async def test_a_truncated_stream_is_refused(name):
    packed = PACKERS[name](bytes(range(256)) * 20)
    for end in (0, 1, 2, 3, len(packed) // 2, len(packed) - 1):
        with pytest.raises(Malformed):
            await read(packed[:end], header(name))


@every_encoding
async def test_a_broken_stream_is_refused(name):
    packed = bytearray(PACKERS[name](bytes(range(256)) * 20))
    packed[0] ^= 0xFF
    with pytest.raises(Malformed):
        await read(bytes(packed), header(name))


@every_encoding
async def test_what_follows_a_stream_is_refused(name):
    with pytest.raises(Malformed):
        await read(PACKERS[name](b"{}") + b"garbage", header(name))


@every_encoding
async def test_10_mib_pass_and_one_byte_more_does_not(name):
    data = b"a" * MAX_BYTES
    assert await read(PACKERS[name](data), header(name)) == data
    with pytest.raises(TooLarge):
        await read(PACKERS[name](data + b"a"), header(name))


async def test_10_mib_pass_uncompressed_and_one_byte_more_does_not():
    data = b"a" * MAX_BYTES
    assert await read(data) == data
    with pytest.raises(TooLarge):
        await read(data + b"a")


async def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes():
    read_chunks: list[bytes] = []

    async def chunks():
        read_chunks.append(b"{}")
        yield b"{}"

    with pytest.raises(TooLarge):
        await read_body(chunks(), "", MAX_BYTES + 1, nothing)
    assert not read_chunks


@every_encoding
async def test_a_bomb_costs_no_more_than_the_limit_and_some_chunks(name):
    bomb = PACKERS[name](bytes(300 * 1024 * 1024)) if name != "br" else brotli.compress(bytes(300 << 20), quality=1)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await read(bomb, header(name))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_BYTES


async def test_zstd_may_not_ask_for_a_large_window():
    packer = zstd.ZstdCompressor(
        options={zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    )
    sent = packer.compress(bytes(200_000_000), mode=zstd.ZstdCompressor.FLUSH_BLOCK)
    with pytest.raises((Malformed, TooLarge)):
        await read(sent, "zstd")


@every_encoding
async def test_a_body_that_is_not_kept_is_checked_all_the_same(name):
    async def chunks(body: bytes):
        yield body

    assert await read_body(chunks(PACKERS[name](b"{}")), header(name), None, nothing, keep=False) == b""
    with pytest.raises(TooLarge):
        await read_body(chunks(PACKERS[name](b" " * (MAX_BYTES + 1))), header(name), None, nothing, keep=False)
    with pytest.raises(Malformed):
        await read_body(chunks(PACKERS[name](b"{}")[:-1]), header(name), None, nothing, keep=False)
