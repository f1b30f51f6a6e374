"""Long answers, compressed where the client wishes so."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import pytest
from aiohttp import ETag, web
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.harness import DEMO, Gateway, encoded
from tests.unit.gateway.wire import wire

from sluice.gateway.compression import MIN_BYTES, compress, wish_of

UNPACK = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
    None: lambda body: body,
}


@pytest.mark.parametrize(
    ("accepted", "coding", "must"),
    [
        ("", "identity", False),
        ("gzip", "gzip", False),
        ("GZIP", "gzip", False),
        ("deflate", "deflate", False),
        ("br", "br", False),
        ("zstd", "zstd", False),
        ("snappy", "identity", False),
        # of several that are liked alike, the cheapest
        ("gzip, deflate, br, zstd", "zstd", False),
        ("gzip, deflate, br", "br", False),
        ("deflate, gzip", "gzip", False),
        # weights
        ("gzip;q=1.0, br;q=0.5", "gzip", False),
        ("gzip;q=0.5, br;q=0.8", "br", False),
        ("gzip ; q=0.5 , br ; q=0.8", "br", False),
        ("gzip;q=0.001", "gzip", False),
        ("gzip;Q=0.5", "gzip", False),
        ("gzip;q=0", "identity", False),
        ("gzip;q=0, deflate", "deflate", False),
        ("gzip;q=0.000", "identity", False),
        ("gzip;q=2", "identity", False),
        ("gzip;q=-1", "identity", False),
        ("gzip;q=nan", "identity", False),
        ("gzip;q=a", "identity", False),
        ("gzip;level=1", "identity", False),
        # identity is acceptable unless it is not
        ("identity", "identity", False),
        ("identity, gzip;q=0.5", "identity", False),
        ("identity;q=0.5, gzip", "gzip", False),
        ("identity;q=0.5, gzip;q=0.5", "gzip", False),
        ("identity;q=0, gzip", "gzip", True),
        ("identity;q=0", "identity", False),
        # anything
        ("*", "zstd", False),
        ("*;q=0.1", "zstd", False),
        ("gzip, *;q=0.1", "gzip", False),
        ("zstd;q=0, *", "br", False),
        ("gzip, *;q=0", "gzip", True),
        ("*;q=0", "identity", False),
        ("identity, *;q=0", "identity", False),
        ("*;q=0.5, identity;q=0", "zstd", True),
        # no list at all
        (",", "identity", False),
        (", gzip ,", "gzip", False),
        (";q=1", "identity", False),
    ],
)
def test_the_coding_is_the_one_that_the_client_likes_best(accepted, coding, must):
    assert wish_of(accepted) == (coding, must)


@given(accepted=st.text(max_size=50))
def test_whatever_is_accepted_there_is_an_answer(accepted):
    assert wish_of(accepted).coding in {"identity", "zstd", "br", "gzip", "deflate"}


def compressed(body: bytes, accepted: str, etag: ETag | None = None) -> web.Response:
    response = web.Response(body=body)
    response.etag = etag
    compress(response, accepted)
    coding = response.headers.get("Content-Encoding")
    assert isinstance(response.body, bytes)
    assert UNPACK[coding](response.body) == body
    return response


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_an_answer_of_1_kib_is_compressed_and_a_shorter_one_is_not(coding):
    assert compressed(b"a" * MIN_BYTES, coding).headers["Content-Encoding"] == coding
    assert "Content-Encoding" not in compressed(b"a" * (MIN_BYTES - 1), coding).headers


def test_a_long_answer_says_that_it_varies_also_to_those_who_wish_nothing():
    for accepted in ("", "gzip", "identity"):
        assert compressed(b"a" * MIN_BYTES, accepted).headers.getall("Vary") == ["Accept-Encoding"]
    assert "Vary" not in compressed(b"a", "gzip").headers


def test_who_takes_nothing_but_a_coding_gets_it_for_short_answers_too():
    assert compressed(b"a", "gzip, identity;q=0").headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in compressed(b"a", "gzip, br;q=0").headers


def test_nothing_is_not_compressed():
    for response in (web.Response(status=204), web.Response(body=b"")):
        compress(response, "gzip, identity;q=0")
        assert "Content-Encoding" not in response.headers


def test_what_is_compressed_already_stays_as_it_is():
    packed = gzip.compress(bytes(range(256)) * 10, compresslevel=0)
    assert len(packed) > MIN_BYTES
    response = web.Response(body=packed, headers={"Content-Encoding": "gzip"})
    compress(response, "br")
    assert (response.body, response.headers["Content-Encoding"]) == (packed, "gzip")


def test_a_fixed_document_is_compressed_once_and_its_tag_says_that_it_is_not_the_same_to_the_byte():
    document = b"a" * MIN_BYTES
    first, second = (compressed(document, "gzip", ETag("tag")) for _ in range(2))
    assert first.body is second.body
    assert first.etag == ETag("tag", is_weak=True)
    assert compressed(document, "", ETag("tag")).etag == ETag("tag")


async def answer_of(gateway: Gateway, request: bytes, accepted: str) -> tuple[dict[str, str], bytes]:
    async with wire(gateway.url) as client:
        await client.send(request.replace(b"\r\n", b"\r\nAccept-Encoding: " + accepted.encode() + b"\r\n", 1))
        answer = await client.answer()
        return dict(answer.headers), answer.body


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_document_comes_compressed(gateway: Gateway, coding):
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    headers, body = await answer_of(gateway, request, coding)
    assert headers["Content-Encoding"] == coding
    assert json.loads(UNPACK[coding](body))["openapi"]


async def test_a_long_list_of_errors_comes_compressed_and_counts_its_bytes(gateway: Gateway):
    answer = await gateway.send("/v1/ingest", encoded({"events": [{}] * 50}), DEMO | {"Accept-Encoding": "br"})
    assert (answer.status, answer.headers["Content-Encoding"]) == (400, "br")
    assert int(answer.headers["Content-Length"]) < MIN_BYTES < len(answer.body)
    assert len(answer.json["details"]) == 101


@pytest.mark.parametrize("origin", [{}, {"Origin": "https://shop.example"}], ids=["nobody", "a page"])
async def test_everybody_gets_both_reasons_to_vary(gateway: Gateway, origin: dict[str, str]):
    answer = await gateway.send("/openapi.json", headers={"Accept-Encoding": "gzip", **origin}, method="GET")
    assert sorted(answer.headers.getall("Vary")) == ["Accept-Encoding", "Origin"]


async def test_head_tells_the_length_that_get_would_have(gateway: Gateway):
    headers = {"Accept-Encoding": "gzip"}
    get = await gateway.send("/openapi.json", headers=headers, method="GET")
    head = await gateway.send("/openapi.json", headers=headers, method="HEAD")
    for name in ("Content-Length", "Content-Encoding", "Vary"):
        assert get.headers.getall(name) == head.headers.getall(name)
