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
    from aiohttp.typedefs import Handler

STATIC = Path(__file__).parent / "static"

FILES = {
    "/docs": "docs/index.html",
    "/docs/start.js": "docs/start.js",
    "/docs/swagger-ui.css": "swagger-ui/swagger-ui.css",
    "/docs/swagger-ui-bundle.js": "swagger-ui/swagger-ui-bundle.js",
}
"""The page's paths, and the files in `STATIC` that they give."""

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
        web.get("/openapi.json", _give_document(openapi_json())),
        *(web.get(path, _give_file(STATIC / name)) for path, name in FILES.items()),
    ]


@cache
def openapi_json() -> bytes:
    """Give the document of all APIs, as it is served."""
    return msgspec.json.encode(document(DIALECTS, version("sluice")))


def _give_document(body: bytes) -> Handler:
    etag = ETag(hashlib.sha256(body).hexdigest()[:32])

    async def give(request: web.Request) -> web.Response:
        held = request.if_none_match or ()
        if any(tag.value in {etag.value, "*"} for tag in held):
            response = web.Response(status=304, headers=_CACHE)
        else:
            response = web.Response(body=body, content_type=JSON, headers=_CACHE)
        response.etag = etag
        return response

    return give


def _give_file(path: Path) -> Handler:
    async def give(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path, headers=_PAGE)

    return give
