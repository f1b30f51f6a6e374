"""Whom a request is about: the rules by which identifiers come to mean a user. Pure.

A user's id never changes: it is the id, else the address, by which the user was first saved. Further identifiers are
linked to it, and are never taken away; only a login makes an anonymous user's id mean another user. An id and an
address that read the same name the same user. Which user an identifier means is decided here alone; processors take
what the gateway found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sluice.contract.errors import Invalid
from sluice.gateway.users.port import Identifier, Known, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sluice.gateway.users.port import Kind, Users

Resolution = tuple[Known, tuple[Link, ...]]
"""A user, and what has to be linked so that the identifiers mean that user from now on."""

KINDS: tuple[Kind, ...] = ("id", "email")


class DifferentUsers(Invalid):
    """The id and the address of a request belong to two users."""


class Person(NamedTuple):
    """Whom a request names: by an id, by an address in its normal form, or by both; by one at least."""

    project: str
    id: str | None = None
    email: str | None = None

    def identifiers(self) -> frozenset[Identifier]:
        """Give the names as identifiers."""
        names = zip(KINDS, (self.id, self.email), strict=True)
        return frozenset(Identifier(self.project, kind, name) for kind, name in names if name)


def find(users: Users, person: Person) -> Known | None:
    """Give the user that a request names; one of two names that is not known does not matter.

    Raises `DifferentUsers`.
    """
    users = _Once(users)
    found = {known.user_id: known for name in sorted(person.identifiers()) if (known := users.find(name))}
    if len(found) > 1:
        raise DifferentUsers("the id and the address belong to different users")
    return next((_as_of_now(users, person.project, known) for known in found.values()), None)


def saved(users: Users, person: Person) -> Resolution:
    """Create the user that a request names, or give it the name that is new.

    An address that comes with an id becomes the user's; alone it only says who is meant.

    Raises `DifferentUsers`.
    """
    users = _Once(users)
    known = find(users, person)
    if known is None:
        known = _as_of_now(users, person.project, Known(person.id or person.email or ""))
    if person.email and (person.id or not known.email):
        known = known._replace(email=person.email)
    return known, _links(users, person.project, person.identifiers(), known)


def profiled(users: Users, person: Person) -> Resolution:
    """Do as `saved`, but where id and address belong to two users, take the id's and leave the other its address."""
    try:
        return saved(users, person)
    except DifferentUsers:
        return saved(users, person._replace(email=None))


def logged_in(users: Users, person: Person, known: Known, email: str) -> Resolution:
    """Identify the user that `find` gave, who logs in with an address in its normal form.

    One who has an address keeps it. An anonymous one gets this address; or, where it belongs to another user, is that
    user from now on.
    """
    if known.email:
        return known, ()
    users = _Once(users)
    address = Identifier(person.project, "email", email)
    owner = users.find(address)
    identified = _as_of_now(users, person.project, owner) if owner else known._replace(email=email)
    names = {name for name in person.identifiers() if users.find(name)}
    return identified, _links(users, person.project, names | {address}, identified)


class _Once:
    """Looks each identifier up once: a look-up is microseconds, but a resolution asks for some of them repeatedly."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._found: dict[Identifier, Known | None] = {}

    def find(self, identifier: Identifier) -> Known | None:
        """Look one up."""
        if identifier not in self._found:
            self._found[identifier] = self._users.find(identifier)
        return self._found[identifier]


def _as_of_now(users: Users, project: str, known: Known) -> Known:
    """Give a user with the present address: an identifier that was linked long ago still holds the one of then."""
    own_names = _own_names(users, project, known.user_id)
    return next((own for _, own in own_names if own.email), known)


def _own_names(users: Users, project: str, user_id: str) -> Iterator[Link]:
    """Give the names by which a user was first saved, and which every change of the address is written to."""
    for kind in KINDS:
        name = Identifier(project, kind, user_id)
        known = users.find(name)
        if known and known.user_id == user_id:
            yield Link(name, known)


def _links(users: Users, project: str, names: Iterable[Identifier], known: Known) -> tuple[Link, ...]:
    names = {*names, *(own.identifier for own in _own_names(users, project, known.user_id))}
    return tuple(Link(name, known) for name in sorted(names) if users.find(name) != known)
