"""Compressing long answers for clients that ask for it (`Accept-Encoding`, RFC 9110, 12.5.3)."""

from __future__ import annotations

import gzip
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import brotli
from aiohttp import ETag, web
from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIN_BYTES = 1024
"""Shorter answers fit into one packet as they are."""

IDENTITY = "identity"

# Levels at which a long answer takes a few milliseconds.
_PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, 3),
    "br": lambda body: brotli.compress(body, quality=4),
    "gzip": lambda body: gzip.compress(body, 4, mtime=0),
    "deflate": lambda body: zlib.compress(body, 4),
}
"""The codings that can be made, the cheapest first."""

# What a client does not mention is acceptable, but anything it does mention is better: q has three decimals.
_NOT_MENTIONED = 0.0001


class Wish(NamedTuple):
    """What a client wants: a coding, and whether it takes nothing else, so that even a short answer must have it."""

    coding: str
    must: bool


@lru_cache(maxsize=256)
def wish_of(accept_encoding: str) -> Wish:
    """Read an Accept-Encoding. Where nothing that can be made is acceptable, the answer stays as it is."""
    quality = _qualities(accept_encoding)
    others = quality.get("*", 0.0)
    identity = quality.get(IDENTITY, min(quality.get("*", 1.0), _NOT_MENTIONED))
    best = max(_PACK, key=lambda coding: quality.get(coding, others))
    liked = quality.get(best, others)
    return Wish(best, must=not identity) if liked and liked >= identity else Wish(IDENTITY, must=False)


def _qualities(accept_encoding: str) -> dict[str, float]:
    quality: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        coding, _, weight = element.partition(";")
        if coding.strip():
            quality[coding.strip()] = _weight(weight.replace(" ", ""))
    return quality


def _weight(text: str) -> float:
    """Read `q=0.5`; nothing is 1, and what cannot be read is 0."""
    if not text:
        return 1.0
    try:
        weight = float(text.removeprefix("q="))
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def compress(response: web.StreamResponse, accept_encoding: str) -> None:
    """Compress an answer's body where that is worth it and wished; `accept_encoding` is empty where none was sent."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes):
        return
    is_long = len(body) >= MIN_BYTES
    if not body or not (is_long or "q=0" in accept_encoding) or "Content-Encoding" in response.headers:
        return
    response.headers.add("Vary", "Accept-Encoding")
    wish = wish_of(accept_encoding)
    if wish.coding == IDENTITY or not (is_long or wish.must):
        return
    assert isinstance(response, web.Response)
    etag = response.etag
    if etag is None:
        response.body = _PACK[wish.coding](body)
    else:  # a fixed document
        response.body = _packed_once(body, wish.coding)
        response.etag = ETag(etag.value, is_weak=True)  # no longer the same to the byte
    response.headers["Content-Encoding"] = wish.coding


@lru_cache(maxsize=16)
def _packed_once(body: bytes, coding: str) -> bytes:
    return _PACK[coding](body)
