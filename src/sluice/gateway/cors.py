"""CORS: pages of any origin may send events; which keys they may use is the key's own matter.

The origin is given back instead of `*` because `navigator.sendBeacon` always asks with credentials, for which a
browser refuses `*` in the answer to a preflight. The gateway reads no cookies, so nothing hangs on it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPOSED = ", ".join(
    [
        "Retry-After",
        "X-Request-Id",
        *(f"X-RateLimit-{name}" for name in ("Limit", "Remaining", "Reset")),
        *(f"RateLimit-{name}" for name in ("Limit", "Remaining", "Reset")),
    ]
)

PREFLIGHT: Mapping[str, str] = MappingProxyType(
    {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Encoding, Content-Type, Idempotency-Key, Revision, "
        "X-API-Key, X-Request-Id",
        "Access-Control-Max-Age": "86400",
    }
)


def cors_headers(origin: str | None) -> Mapping[str, str]:
    """Give the headers for an answer to a request from this web origin, or from none.

    All answers vary by it: a cache must not give a page what it kept of a request without an origin.
    """
    if origin is None:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "Origin",
    }
