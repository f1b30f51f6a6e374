"""API 5, `user_event`: POST /event/ and POST /user/.

Source: the "How to send events via API" document; docs/apis/user_event.md maps each of its sentences to a test.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
from pydantic import BaseModel

from sluice.contract.errors import Forbidden, Unauthenticated
from sluice.contract.event import Api
from sluice.contract.ndjson import on_one_line
from sluice.contract.raw import Context
from sluice.contract.standard_events import CHANGE_USER, LOGIN, USER_SAVED
from sluice.gateway.dialects.port import (
    JSON,
    Endpoint,
    Head,
    Headers,
    Identified,
    Lookup,
    Metering,
    Problem,
    Reading,
    Received,
    Reply,
)
from sluice.gateway.dialects.state_keys import StateKeys
from sluice.gateway.dialects.user_event_body import (
    EventBody,
    InvalidBody,
    UserBody,
    invalid_user,
    read_event,
    read_user,
)
from sluice.gateway.keys import Key, KeyRing, bearer, permit, unexpired
from sluice.gateway.users import identity
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from sluice.gateway.dialects.user_event_body import Event
    from sluice.gateway.limits.port import Decision
    from sluice.gateway.users.identity import Person
    from sluice.gateway.users.port import Users

API = Api.USER_EVENT


class EventCreated(BaseModel):
    """What the document answers to an event."""

    message: Literal["Event created"]
    email: Literal["Event was created for the specified user"]


class UserSaved(BaseModel):
    """What is said of a user."""

    message: Literal["User saved"]


class EventAccepted(BaseModel):
    """The answer to an event."""

    results: EventCreated


class UserAccepted(BaseModel):
    """The answer to a user."""

    results: UserSaved


class Error(BaseModel):
    """Why a request was refused, and what to do about it."""

    message: str
    description: str


class Refused(BaseModel):
    """Every other answer; there is always one error."""

    errors: list[Error]


ERROR = Refused
CONTENT_TYPE = JSON

_USER = {"email": "alexandru@example.com"}
EVENT = Endpoint(
    "event",
    ("/event/", "/event", "/v1/event/", "/v1/event"),
    "Create an event of a user",
    EventBody,
    {"user": _USER, "event": {"update": {"firstname": "alexandru"}}},
    200,
    EventAccepted,
    keys=("bearer",),
)
USER = Endpoint(
    "user",
    ("/user/", "/user", "/v1/user/", "/v1/user"),
    "Create or update a user",
    UserBody,
    {"user": _USER | {"_id": "u-1", "firstname": "alexandru"}},
    200,
    UserAccepted,
    keys=("bearer",),
)
ENDPOINTS: tuple[Endpoint, ...] = (EVENT, USER)

_ACCEPTED = {
    EVENT.name: b'{"results":{"message":"Event created","email":"Event was created for the specified user"}}',
    USER.name: b'{"results":{"message":"User saved"}}',
}


def authenticate(head: Head, keys: KeyRing) -> Key:
    """Take `Authorization: Bearer`."""
    presented = bearer(head.headers.get("Authorization", ""))
    if presented is None:
        raise Unauthenticated("Please send a secret API key as Authorization: Bearer")
    key = keys.find(presented)
    if key is None:
        raise Unauthenticated("Invalid API key")
    return unexpired(key, head.received_at)


def authorize(head: Head, key: Key) -> None:
    """Take a secret key alone: who sends here may change users."""
    if key.is_public:
        raise Forbidden("This is a public key, which everybody can see: please send a secret key, from a server")
    permit(key, origin=head.headers.get("Origin"))


def metering(head: Head, key: Key) -> Metering:
    """Count requests, by key, over both endpoints; the document names no limit."""
    del head
    return Metering(f"{API}/{key.id}", key.rules(API))


def read(head: Head, key: Key, body: bytes) -> Reading:
    """Read one event, or one user, and leave it to the look-up whom it means."""
    state_keys = StateKeys(API, key.project, key.project_entry, head.idempotency_key)
    text = on_one_line(body.strip())
    if head.endpoint is USER:
        person = read_user(key.project, body)
        lookup = Lookup(person.identifiers(), partial(_save, person, text, state_keys))
    else:
        person, event = read_event(key.project, key.project_entry.standard_events, body, head.received_at)
        login = _login_address(person, event)
        names = person.identifiers() | ({Identifier(key.project, "email", login)} if login else frozenset())
        lookup = Lookup(names, partial(_create, person, event, login, text, state_keys))
    return Reading(head.endpoint, cost=1, lookup=lookup)


def _login_address(person: Person, event: Event) -> str | None:
    """Give the address that identifies the user from now on, where the event is a login that has one."""
    return (event.address or person.email) if event.kind == LOGIN else None


def _save(person: Person, text: bytes, state_keys: StateKeys, users: Users) -> Identified:
    try:
        known, links = identity.saved(users, person)
    except identity.DifferentUsers:
        raise _different_users() from None
    key = state_keys.of(USER_SAVED, known.user_id, text, by_user=True)
    return Identified([Received(text, key, _context(known))], links)


def _create(
    person: Person, event: Event, login: str | None, text: bytes, state_keys: StateKeys, users: Users
) -> Identified:
    try:
        known = identity.find(users, person)
    except identity.DifferentUsers:
        raise _different_users() from None
    if known is None:
        raise InvalidBody("User not found", "The user must exist before events can be created for it")
    known, links = identity.logged_in(users, person, known, login) if login else (known, ())
    key = state_keys.of(event.event_type, known.user_id, event.members, by_user=event.kind in CHANGE_USER)
    return Identified([Received(text, key, _context(known))], links)


def _different_users() -> InvalidBody:
    return invalid_user("email and _id belong to different users")


def _context(known: Known) -> Context:
    return Context(user_id=known.user_id, email=known.email)


def accept(head: Head, reading: Reading, now_ms: int) -> Reply:
    """200, in the document's words."""
    del head, now_ms
    return Reply(200, _ACCEPTED[reading.endpoint.name])


# The message of each status whose error has none of its own, and a description where the error's words are not one.
_MESSAGES: dict[int, tuple[str, str | None]] = {
    400: ("Invalid request", None),
    401: ("Unauthorized", None),
    403: ("Forbidden", None),
    405: ("Method not allowed", "Please send a POST request"),
    408: ("Request timeout", None),
    413: ("Request too large", None),
    415: ("Unsupported encoding", None),
    429: ("Rate limit exceeded", "Please send it again after the seconds in Retry-After"),
    503: ("Service unavailable", "Please send it again after the seconds in Retry-After"),
}
_UNFORESEEN = ("Internal server error", "Please send it again later; X-Request-Id finds it in our log")


def refuse(head: Head, problem: Problem, now_ms: int) -> Reply:
    """Any other status, in the one shape that the document shows."""
    del head, now_ms
    message, description = _MESSAGES.get(problem.status, _UNFORESEEN)
    if isinstance(problem.error, InvalidBody):
        message = problem.error.message
    error = {"message": message, "description": description or problem.words}
    return Reply(problem.status, msgspec.json.encode({"errors": [error]}))


def rate_headers(decision: Decision, now_ms: int) -> Headers:
    """`X-RateLimit-Remaining`: how many requests would pass now."""
    del now_ms
    return {"X-RateLimit-Remaining": str(min(state.remaining for state in decision.states))}
