"""What is the same for every answer, and the answers that no API gives: `{"error": "..."}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from sluice.gateway.cors import cors_headers
from sluice.gateway.dialects.port import JSON

if TYPE_CHECKING:
    from multidict import CIMultiDict


def error(status: int, words: str, **headers: str) -> web.Response:
    """Give the answer to a request of which no API is known. `words` never quote it: a key may stand in it."""
    return web.Response(status=status, body=msgspec.json.encode({"error": words}), content_type=JSON, headers=headers)


def sign(headers: CIMultiDict[str], request_id: str, origin: str | None) -> None:
    """Add what every answer carries; `origin` is the page's that asked, None where no page did."""
    headers["X-Request-Id"] = request_id
    headers["Server"] = "sluice"
    headers.update(cors_headers(origin))
