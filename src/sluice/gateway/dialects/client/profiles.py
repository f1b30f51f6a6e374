"""Whose events they are: from the profiles of a request of API 4 to known users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.json_api import attributes_of
from sluice.contract.raw import Context
from sluice.contract.routing import routing_key
from sluice.contract.state_keys import normal_email
from sluice.gateway.dialects.port import Identified, Lookup, Received
from sluice.gateway.users.identity import Person, profiled
from sluice.gateway.users.port import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluice.gateway.dialects.client.body import SentBulk, SentEvent
    from sluice.gateway.dialects.client.shapes import Profile
    from sluice.gateway.dialects.state_keys import StateKeys
    from sluice.gateway.users.port import Identifier, Known, Users


def lookup_of(bulks: Sequence[SentBulk], project: str, state_keys: StateKeys) -> Lookup:
    """Tell how the users of a request's profiles are to be found."""
    people = [person_of(project, bulk.profile) for bulk in bulks]

    def identify(users: Users) -> Identified:
        seen = _Seen(users)
        events: list[Received] = []
        for bulk, person in zip(bulks, people, strict=True):
            known, links = profiled(seen, person)
            seen.take(links)
            events += _received(bulk, known, project, state_keys)
        return Identified(events, seen.links())

    return Lookup(frozenset().union(*(person.identifiers() for person in people)), identify)


def person_of(project: str, profile: Profile) -> Person:
    """Tell whom a profile names: by its first of id, external_id, email, phone_number, anonymous_id and _kx.

    The address counts too where it is not the first.
    """
    given = profile.attributes
    if given is None:
        return Person(project, profile.id)
    email = normal_email(given.email or "") or None
    before_email = _first(profile.id, given.external_id)
    after_email = None if email else _first(given.phone_number, given.anonymous_id, given.exchange_id)
    return Person(project, before_email or after_email, email)


def _first(*names: str | None) -> str | None:
    return next((name for name in names if name and name.strip()), None)


class _Seen:
    """The users that a request finds, which has said something about some of them already."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._said: dict[Identifier, Known] = {}

    def find(self, identifier: Identifier) -> Known | None:
        return self._said.get(identifier) or self._users.find(identifier)

    def take(self, links: Iterable[Link]) -> None:
        self._said.update(links)

    def links(self) -> list[Link]:
        return [Link(identifier, known) for identifier, known in self._said.items()]


def _received(bulk: SentBulk, known: Known, project: str, state_keys: StateKeys) -> list[Received]:
    """Give a user's events; one of them carries the profile, and to where the user's other changes are made."""
    given = bulk.profile.attributes
    context = Context(
        user_id=known.user_id,
        email=known.email,
        anonymous_id=_first(given.anonymous_id) or "" if given else "",
    )
    with_profile = msgspec.structs.replace(context, profile=msgspec.Raw(bulk.profile_text))
    keys = [_key(event, known, state_keys) for event in bulk.events]
    by_user = routing_key(project, "", user=known.user_id, by_user=True)
    bearer = keys.index(by_user) if by_user in keys else 0
    return [
        Received(event.text, key, with_profile if number == bearer else context)
        for number, (event, key) in enumerate(zip(bulk.events, keys, strict=True))
    ]


def _key(event: SentEvent, known: Known, state_keys: StateKeys) -> str | None:
    """Give an event's routing key; where nothing but the user counts, the event need not be looked into."""
    members = attributes_of(event.text) if state_keys.reads(event.metric) else b"{}"
    return state_keys.of(event.metric, known.user_id, bytes(members), by_user=True)
