"""The visitor id: who did it, as a number that tells nothing to those who lack the deployment's secret."""

from __future__ import annotations

from hashlib import blake2b

LOCAL_SECRET = b"local"
"""The secret of the local stack, which everybody knows."""


class Visitors:
    """Gives visitor ids under one deployment's secret.

    `secret` is 1 to 64 bytes. The same person of two projects has two ids, so that projects cannot be joined.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def visitor_id(self, project: str, user_id: str, anonymous_id: str) -> int:
        """Give the unsigned 64-bit id of the user, else of the anonymous id; 0 where there is neither."""
        if user_id:
            who = f"{project}\0user\0{user_id}"
        elif anonymous_id:
            who = f"{project}\0anonymous\0{anonymous_id}"
        else:
            return 0
        return int.from_bytes(blake2b(who.encode(), digest_size=8, key=self._secret).digest(), "big")
