"""Where clients of several APIs put their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.errors import Unauthenticated
from sluice.gateway.keys import bearer

if TYPE_CHECKING:
    from sluice.gateway.dialects.port import Head
    from sluice.gateway.keys import Key, KeyRing


def bearer_or_query_key(head: Head, keys: KeyRing) -> Key | None:
    """Find the key of `Authorization: Bearer`, secret or public; without that header a public one of `?api_key=`.

    None where it is missing, malformed or unknown. A secret key in the URL is not taken: URLs end up in logs.
    """
    authorization = head.headers.get("Authorization")
    if authorization is not None:
        presented = bearer(authorization)
        return keys.find(presented) if presented else None
    key = keys.find(head.query.get("api_key", ""))
    return key if key is not None and key.is_public else None


def valid(key: Key | None, head: Head, no_key: str) -> Key:
    """Give a key that was found; raises `Unauthenticated` with these words where none was, or it has expired."""
    if key is None or key.entry.expired(head.received_at):
        raise Unauthenticated(no_key)
    return key
