"""Whether a rejected event that has no visitor was of a person: by what it says of its user. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sluice.contract.state_keys import normal_email

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MEMBERS = frozenset(
    {
        "_id",
        "_kx",
        "anonymousId",
        "anonymous_id",
        "email",
        "external_id",
        "id",
        "phone_number",
        "userId",
        "user_id",
    }
)
"""The members by which the five APIs name whose event it is."""

LONG_ENOUGH = 6
"""In what is no JSON, a name of so many characters is taken for one wherever it stands."""


def mentions(texts: Collection[str], names: Collection[str]) -> bool:
    """Tell whether any of these texts, the event and its raw line, names one of these people as its user."""
    return any(_mentions(text, names) for text in texts if text)


def _mentions(text: str, names: Collection[str]) -> bool:
    try:
        named = set(_named(json.loads(text)))
    except (ValueError, RecursionError):
        return any(name in text for name in names if len(name) >= LONG_ENOUGH)
    return not named.isdisjoint(names)


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _named(one)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _names(member) if name in MEMBERS else _named(member)


def _names(member: Any) -> Iterator[str]:
    if isinstance(member, list):
        for one in member:
            yield from _names(one)
    elif isinstance(member, str):
        yield from (member, normal_email(member))
    elif isinstance(member, int) and not isinstance(member, bool):
        yield str(member)
    else:
        yield from _named(member)
