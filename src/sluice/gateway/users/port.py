"""The port of known users: which user an identifier means, for all gateways of a deployment alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["email", "id"]


class Identifier(NamedTuple):
    """One name of a user in a project: an address, trimmed and in lower case, or an id."""

    project: str
    kind: Kind
    value: str


class Known(NamedTuple):
    """A user. `email` is the user's address, empty for one who is anonymous."""

    user_id: str
    email: str = ""


class Link(NamedTuple):
    """An identifier, and whom it means from now on."""

    identifier: Identifier
    known: Known


class Users(Protocol):
    """Looks users up, in microseconds."""

    def find(self, identifier: Identifier) -> Known | None:
        """Give whom an identifier means; None where it is not known.

        Raises `Retry` while that cannot be told.
        """


class UserDirectory(Users, Protocol):
    """Looks users up, and makes them known."""

    @property
    def ready(self) -> bool:
        """Whether users can be found and saved now, as far as is known."""

    async def save(self, links: Sequence[Link]) -> None:
        """Return once the links are durable, and found here; other gateways find them within a second or so.

        Raises `Retry` when that did not happen in time. They may be found nonetheless.
        """
