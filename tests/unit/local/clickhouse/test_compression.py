from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.clickhouse.compression import PIECE, PREFERRED, chosen_coding, decoder, encoder
from sluice.local.clickhouse.errors import ClickHouseError

CODINGS = ["", *PREFERRED]


def _packed(coding, pieces):
    packer = encoder(coding)
    return b"".join([*(packer.encode(piece) for piece in pieces), packer.finish()])


def _unpacked(coding, pieces):
    unpacker = decoder(coding)
    out = [part for piece in pieces for part in unpacker.decode(piece)]
    unpacker.finish()
    return b"".join(out)


@pytest.mark.parametrize("coding", CODINGS)
@given(st.lists(st.binary(max_size=1000), max_size=5), st.integers(1, 50))
def test_what_is_encoded_in_pieces_is_decoded_in_other_pieces(coding, pieces, size):
    packed = _packed(coding, pieces)
    cut = [packed[n : n + size] for n in range(0, len(packed), size)]
    assert _unpacked(coding, cut) == b"".join(pieces)


@pytest.mark.parametrize("coding", PREFERRED)
def test_a_bomb_comes_out_in_bounded_pieces(coding):
    packed = _packed(coding, [bytes(20 * PIECE)])
    sizes = [len(piece) for piece in decoder(coding).decode(packed)]
    assert sum(sizes) == 20 * PIECE
    assert max(sizes) <= 2 * PIECE


@pytest.mark.parametrize("coding", PREFERRED)
def test_a_body_that_breaks_off_or_is_broken_is_an_error(coding):
    packed = _packed(coding, [b"some text that is long enough" * 100])
    for body in (packed[:-1], packed[: len(packed) // 2], b"\xff" * 100):
        with pytest.raises(ClickHouseError) as caught:
            _unpacked(coding, [body])
        assert caught.value.code == 271


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip", "deflate"])
def test_frames_behind_each_other_are_one_body(coding):
    assert _unpacked(coding, [_packed(coding, [b"a"]) + _packed(coding, [b"b"])]) == b"ab"


def test_nothing_may_follow_a_brotli_stream():
    for pieces in ([_packed("br", [b"a"]) * 2], [_packed("br", [b"a"])] * 2):
        with pytest.raises(ClickHouseError):
            _unpacked("br", pieces)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("br;q=1.0, LZ4;q=0.1", "lz4"),
        ("gzip;q=0, br", "br"),
        ("snappy", ""),
    ],
)
def test_the_coding_of_an_answer_is_one_that_the_client_takes(accept, coding):
    assert chosen_coding(accept) == coding


def test_an_unknown_coding_is_refused():
    with pytest.raises(ClickHouseError) as caught:
        decoder("snappy")
    assert caught.value.code == 89
