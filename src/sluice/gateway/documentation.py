"""Serving what the gateway says of itself: /openapi.json, and /docs, a page that shows it.

Everything is made or named once, at the start; the paths of the APIs have nothing to do with it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from aiohttp import ETag, web

from sluice.gateway.dialects import DIALECTS
from sluice.gateway.dialects.port import JSON
from sluice.gateway.openapi.document import document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler

STATIC = Path(__file__).parent / "static"

HTML, CSS, SCRIPT = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"

FILES = {
    "/docs": ("docs/index.html", HTML),
    "/docs/start.js": ("docs/start.js", SCRIPT),
    "/docs/swagger-ui.css": ("swagger-ui/swagger-ui.css", CSS),
    "/docs/swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", SCRIPT),
}
"""The page's paths, and the files in `STATIC` that they give, with their media types."""

# A browser asks each time whether what it has is still right, and mostly gets 304.
_CACHE = {"Cache-Control": "public, no-cache"}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads nothing from elsewhere, talks to nobody else, and cannot be framed. See docs/decisions/0009."""

_PAGE = _CACHE | {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes() -> list[web.RouteDef]:
    """Give the routes of the document and of its page."""
    return [
        web.get("/openapi.json", _give(openapi_json(), JSON, _CACHE)),
        *(web.get(path, _give(_read(name), media_type, _PAGE)) for path, (name, media_type) in FILES.items()),
    ]


@cache
def openapi_json() -> bytes:
    """Give the document of all APIs, as it is served."""
    return msgspec.json.encode(document(DIALECTS, version("sluice")))


@cache
def _read(name: str) -> bytes:
    return (STATIC / name).read_bytes()


def _give(body: bytes, media_type: str, headers: Mapping[str, str]) -> Handler:
    etag = _etag(body)

    async def give(request: web.Request) -> web.Response:
        held = [tag.value for tag in request.if_none_match or ()]
        if etag.value in held or "*" in held:
            response = web.Response(status=304, headers=headers)
        else:
            response = web.Response(body=body, headers={**headers, "Content-Type": media_type})
        response.etag = etag
        return response

    return give


@cache
def _etag(body: bytes) -> ETag:
    # Weak, since it names the body however it may be compressed.
    return ETag(hashlib.sha256(body).hexdigest()[:32], is_weak=True)
