"""Where clients of several APIs put their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.errors import Unauthenticated
from sluice.gateway.keys import bearer, permit

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


def admitted(key: Key | None, head: Head, no_key: str) -> Key:
    """Give a key that was found and may be used here.

    Raises `Unauthenticated` with the API's own words, also for a key that has expired, and `Forbidden`.
    """
    if key is None:
        raise Unauthenticated(no_key)
    try:
        permit(key, origin=head.headers.get("Origin"), now_ms=head.received_at)
    except Unauthenticated:
        raise Unauthenticated(no_key) from None
    return key
