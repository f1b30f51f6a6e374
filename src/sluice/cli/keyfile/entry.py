"""What is said of a new key: the key itself, its name, and what it may do."""

from __future__ import annotations

import re
import secrets
import string
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sluice.contract.errors import Unusable
from sluice.contract.projects import KeyKind, ProjectKey

if TYPE_CHECKING:
    from collections.abc import Collection

    from sluice.cli.keyfile.text import Entry
    from sluice.contract.projects import Project

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 32  # of 62 letters each: 190 bits

_AFTER = re.compile(r"([1-9][0-9]{0,6})([dh])")


def new_key(kind: KeyKind) -> str:
    """Make a key that nobody can guess; its beginning says what it is, to people and to scanners for secrets."""
    return f"sl_{kind}_" + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def new_salt() -> str:
    """Make the salt of a new settings file."""
    return secrets.token_hex(16)


def name_in(project: str, owner: Project, kind: KeyKind, wanted: str | None) -> str:
    """Give a key a name that no other of its project has; without a wish: secret, secret-2, secret-3 and so on.

    Raises `Unusable` when the name that is wanted is taken, and for a public key where they are forbidden.
    """
    if kind is KeyKind.PUBLIC and not owner.allow_public_keys:
        raise Unusable(f"project {project} forbids public keys (allow_public_keys = false)")
    taken = {key.name for key in owner.keys}
    if wanted is not None:
        if wanted in taken:
            raise Unusable(f"project {project} has a key named '{wanted}'; choose another --name, or revoke that one")
        return wanted
    number, name = 1, str(kind)
    while name in taken:
        number += 1
        name = f"{kind}-{number}"
    return name


def new_entry(
    name: str,
    kind: KeyKind,
    key_hash: str,
    *,
    scopes: Collection[str] = (),
    expires: datetime | None = None,
    origins: Collection[str] = (),
) -> Entry:
    """Give a new key as it stands in the file: without what is empty, since it is at its default then.

    Raises `Unusable` naming the option of `sluice keys create` that is wrong.
    """
    fields = {"name": name, "kind": kind, "hash": key_hash, "scopes": scopes, "expires": expires, "origins": origins}
    given = {field: value for field, value in fields.items() if value}
    try:
        key = ProjectKey.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        words = problem["msg"].removeprefix("Value error, ")
        raise Unusable(f"{_OPTIONS[str(problem['loc'][0])]}: {words}") from None
    if kind is KeyKind.PUBLIC and not all(scope.endswith(":write") for scope in key.scopes):
        raise Unusable("--scope: a public key may only write, since everybody can see it")
    if kind is KeyKind.SECRET and key.origins:
        raise Unusable("--origin is for public keys: servers, which secret ones are for, have no origin")
    checked = {**given, "kind": kind.value, "scopes": sorted(key.scopes), "origins": sorted(key.origins)}
    return {field: checked[field] for field in given}


_OPTIONS = {"name": "--name", "scopes": "--scope", "origins": "--origin"}


def expiry(text: str, now: datetime) -> datetime:
    """Read when a key expires: 2027-01-01 (as that day begins in UTC), 2027-01-01T12:00:00+02:00, 90d or 12h.

    Raises `Unusable` for anything else and for what is not in the future.
    """
    try:
        moment = _moment(text, now)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Unusable(
            "--expires must be a date (2027-01-01), a time with its zone (2027-01-01T12:00:00Z), or a number of days "
            "or hours from now (90d, 12h)"
        )
    if moment <= now:
        raise Unusable("--expires must be in the future")
    return moment.astimezone(UTC)


def _moment(text: str, now: datetime) -> datetime:
    if after := _AFTER.fullmatch(text):
        number = int(after[1])
        span = timedelta(days=number) if after[2] == "d" else timedelta(hours=number)
        return now.replace(microsecond=0) + span
    if len(text) <= len("2027-01-01"):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    return datetime.fromisoformat(text)
