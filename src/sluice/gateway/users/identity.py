"""Whom a request is about: the rules by which identifiers come to mean a user. Pure.

A user's id never changes: it is the id, else the address, by which the user was first saved. Further identifiers are
linked to it. Which user an identifier means is decided here alone; processors take what the gateway found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sluice.gateway.users.port import Identifier, Known, Link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluice.gateway.users.port import Users

Resolution = tuple[Known, tuple[Link, ...]]
"""A user, and what has to be linked so that the identifiers mean that user from now on."""


class DifferentUsers(Exception):
    """The id and the address of a request belong to two users."""


class Person(NamedTuple):
    """Whom a request names: by an id, by an address (see `normal_email`), or by both."""

    project: str
    id: str | None = None
    email: str | None = None

    def identifiers(self) -> frozenset[Identifier]:
        """Give the names as identifiers."""
        return frozenset(self._by_id() + self._by_email())

    def _by_id(self) -> list[Identifier]:
        return [Identifier(self.project, "id", self.id)] if self.id else []

    def _by_email(self) -> list[Identifier]:
        return [Identifier(self.project, "email", self.email)] if self.email else []

    def known_by_id(self, users: Users) -> Known | None:
        """Look the id up."""
        return next((users.find(identifier) for identifier in self._by_id()), None)

    def known_by_email(self, users: Users) -> Known | None:
        """Look the address up."""
        return next((users.find(identifier) for identifier in self._by_email()), None)


def normal_email(address: str) -> str:
    """Give the form in which addresses are compared."""
    return address.strip().lower()


def find(users: Users, person: Person) -> Known | None:
    """Give the user that a request names; one of two names that is not known does not matter.

    Raises `DifferentUsers`.
    """
    by_id, by_email = person.known_by_id(users), person.known_by_email(users)
    if by_id and by_email and by_id.user_id != by_email.user_id:
        raise DifferentUsers
    return by_id or by_email


def saved(users: Users, person: Person) -> Resolution:
    """Create the user that a request names, or give it the name that is new.

    Raises `DifferentUsers`.
    """
    known = find(users, person)
    if known is None:
        known = Known(person.id or person.email or "", person.email or "")
    elif person.email:
        known = known._replace(email=person.email)
    return known, _links(users, person.identifiers(), known)


def profiled(users: Users, person: Person) -> Resolution:
    """Do as `saved`, but where id and address belong to two users, take the id's and leave the other its address."""
    try:
        return saved(users, person)
    except DifferentUsers:
        return saved(users, person._replace(email=None))


def logged_in(users: Users, person: Person, known: Known, email: str) -> Resolution:
    """Identify a user who logs in with an address (see `normal_email`).

    One who has an address keeps it. An anonymous one gets this address; or, where it belongs to another user, is that
    user from now on.
    """
    if known.email:
        return known, ()
    address = Identifier(person.project, "email", email)
    known = users.find(address) or Known(known.user_id, email)
    return known, _links(users, person.identifiers() | {address}, known)


def _links(users: Users, identifiers: Iterable[Identifier], known: Known) -> tuple[Link, ...]:
    return tuple(Link(identifier, known) for identifier in sorted(identifiers) if users.find(identifier) != known)
