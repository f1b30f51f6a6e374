"""Finding a key: HMAC-SHA256 of what was presented, looked up among the hashes of the settings file.

The presented text is neither kept nor logged. Finding takes one digest and one look-up, however many keys there are,
and its time tells nothing about them: the digest of a near miss is as far from a key's as that of a wild guess, so
that even a comparison of digests which ended at their first difference would lead nobody closer to a key.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.contract.errors import Forbidden, Unauthenticated
from sluice.contract.projects import WRITE_EVENTS, KeyKind, Project, ProjectKey, Projects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluice.contract.event import Api
    from sluice.contract.projects import Rule


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was found, with its project. `id` is that of its entry; see `ProjectKey`."""

    id: str
    project: str
    entry: ProjectKey
    project_entry: Project

    @property
    def is_public(self) -> bool:
        """Whether browsers may hold this key."""
        return self.entry.kind is KeyKind.PUBLIC

    def rules(self, api: Api, *documented: Rule) -> tuple[Rule, ...]:
        """Give the rules that hold for this key on one API, whose document has these; none where nothing limits."""
        limit = self.project_entry.limit(self.entry, api)
        if limit == "documented":
            return documented
        return () if limit == "none" else limit


_KEYLESS = ProjectKey(name="keyless", kind=KeyKind.PUBLIC, hash="0" * 64)


class KeyRing:
    """All keys of a settings file, by digest. It can take another file while it is in use."""

    def __init__(self, projects: Projects) -> None:
        self.take(projects)

    def take(self, projects: Projects) -> None:
        """Know the keys of this file, and no others any more."""
        self._salt = bytes.fromhex(projects.salt)
        self._keys = {
            entry.hash: Key(entry.id, name, entry, project)
            for name, project in projects.projects.items()
            for entry in project.keys
        }
        keyless = projects.keyless_events_project
        self._keyless = Key(f"keyless/{keyless}", keyless, _KEYLESS, projects.projects[keyless]) if keyless else None

    def keyless_events(self) -> Key | None:
        """Give what stands for a key where API 2's clients send none; None where that is not allowed."""
        return self._keyless

    def find(self, presented: str) -> Key | None:
        """Give the key that was presented, None when there is none such."""
        return self._keys.get(digest(self._salt, presented))

    def holds_any(self, presented: Iterable[str]) -> bool:
        """Tell whether any of these keys is good here."""
        return any(self.find(key) is not None for key in presented)


def digest(salt: bytes, key: str) -> str:
    """Give the hash of a key as the settings file stores it."""
    # A header's bytes that are no UTF-8 come in as lone surrogates; no key has them, but hashing must not fail.
    return hmac.digest(salt, key.encode("utf-8", "surrogateescape"), "sha256").hex()


def bearer(authorization: str) -> str | None:
    """Give the key of an `Authorization: Bearer` header; the scheme is case-insensitive (RFC 9110, 11.1)."""
    scheme, _, key = authorization.strip().partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and key else None


def unexpired(key: Key, now_ms: int) -> Key:
    """Give the key back; raises `Unauthenticated` when it has expired."""
    if key.entry.expired(now_ms):
        raise Unauthenticated("API key has expired")
    return key


def permit(key: Key, *, origin: str | None, scope: str = WRITE_EVENTS) -> None:
    """Check what holds for every use of a key.

    Raises `Forbidden` when the key lacks the scope, or may not be used from this web origin, or is public and its
    project does not allow those.
    """
    if scope not in key.entry.scopes:
        raise Forbidden(f"API key lacks the scope {scope}")
    if not key.entry.comes_from(origin):
        raise Forbidden("API key may not be used from this origin")
    if key.is_public and not key.project_entry.allow_public_keys:
        raise Forbidden("This project does not allow public keys")
