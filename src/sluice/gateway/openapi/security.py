"""The ways to show a key, by the names that endpoints use for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_KEY = "none"
"""Says that a request without a key may pass."""

SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer <key>`.",
    },
    "query_key": {
        "type": "apiKey",
        "in": "query",
        "name": "api_key",
        "description": "A public key, for browsers and beacons that cannot set headers.",
    },
    "x_api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The key alone.",
    },
    "company_id": {
        "type": "apiKey",
        "in": "query",
        "name": "company_id",
        "description": "A public key. A private one is refused here.",
    },
    "klaviyo": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Klaviyo-API-Key <private key>`: the scheme's name, a space and the key.",
    },
}

FROM_PAGES = frozenset({"query_key", "company_id", NO_KEY})
"""The ways that are open to pages, whose `navigator.sendBeacon` cannot set headers."""


def requirement(keys: Sequence[str]) -> list[dict[str, list[str]]]:
    """Say that any one of these ways will do; `NO_KEY` makes all of them optional."""
    return [{} if key == NO_KEY else {key: []} for key in keys]
