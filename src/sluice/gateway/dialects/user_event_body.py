"""Reading the bodies of API 5: whom they name, and which standard event they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from sluice.contract.errors import Invalid
from sluice.contract.event_time import event_time, is_plausible
from sluice.contract.iso8601 import PATTERN
from sluice.contract.routing import CONFIRMATION
from sluice.contract.standard_events import (
    GENERIC,
    LOGIN,
    STANDARD_EVENTS,
    Body,
    is_absent,
    is_object,
    kinds_of,
    members_of,
)
from sluice.contract.state_keys import STATE_KEY_CHARACTERS, normal_email, order_of
from sluice.contract.whitespace import NOT_BLANK
from sluice.gateway import json_text
from sluice.gateway.users.identity import Person

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_NAME = STATE_KEY_CHARACTERS
"""Characters of an address, an id and an order."""


class InvalidBody(Invalid):
    """A body that breaks the document: `message` is in the document's words, the text says what to do about it."""

    def __init__(self, message: str, description: str) -> None:
        super().__init__(description)
        self.message = message


def invalid_user(description: str) -> InvalidBody:
    """Give the error of a user that names nobody."""
    return InvalidBody("Invalid user information", description)


def invalid_event(description: str) -> InvalidBody:
    """Give the error of an event that cannot be taken."""
    return InvalidBody("Invalid event information", description)


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Address = Annotated[
    str,
    Field(max_length=MAX_NAME, json_schema_extra={"pattern": NOT_BLANK}),
    AfterValidator(normal_email),
    Field(min_length=1),
]
Moment = Annotated[str, Field(json_schema_extra={"pattern": PATTERN})]
Id = Annotated[str | int, AfterValidator(str), Field(min_length=1, max_length=MAX_NAME)]

_CHECKED = ConfigDict(frozen=True, strict=True)


class User(BaseModel):
    """Whom a request is about: by `email`, `_id` or both. To POST /user/, further members are attributes."""

    model_config = ConfigDict(
        **_CHECKED, json_schema_extra={"anyOf": [{"required": ["email"]}, {"required": ["_id"]}]}
    )

    id: Id | None = Field(None, alias="_id", description="The user's id; an integer means its digits")
    email: Address | None = Field(None, description="Compared without regard to case and to spaces around it")


class Members(BaseModel):
    """An event's members: any, of which these are known."""

    model_config = _CHECKED

    timestamp: int | float | Moment | None = Field(
        None, description="When it happened, in milliseconds since 1970 or ISO 8601; without it, when it was received"
    )


class Login(Members):
    """Who logs in: attributes of the user, and the address that identifies one who is anonymous."""

    email: Address | None = Field(None, description="The address; without it, the user's")


class Confirmation(Members):
    """A purchase; the first of an order counts."""

    # The document knows `orderId`; the others are where confirmations of every API may have it, see `order_of`.
    model_config = ConfigDict(
        **_CHECKED,
        json_schema_extra={"anyOf": [{"required": [name]} for name in ("orderId", "order_id", "properties")]},
    )

    order: Name | int | None = Field(None, alias="orderId", description="The order; an integer means its digits")


class Generic(Members):
    """An event that has a name of its own."""

    event_name: Annotated[str, Field(min_length=1, max_length=64)]


class GenericInGeneric(BaseModel):
    """The same as the document shows it."""

    model_config = _CHECKED

    generic: Generic


_MODELS: dict[str, type[Members]] = dict.fromkeys(STANDARD_EVENTS, Members) | {
    LOGIN: Login,
    CONFIRMATION: Confirmation,
    GENERIC: Generic,
}
_FIELDS = {model: [field.alias or name for name, field in model.model_fields.items()] for model in _MODELS.values()}
_SCHEMAS: dict[str, Any] = {name: (_MODELS[name] | None, None) for name in STANDARD_EVENTS}
_SCHEMAS[GENERIC] = (GenericInGeneric | Generic | None, None)

StandardEvent = create_model(
    "StandardEvent",
    __doc__="Exactly one standard event that is not null, as in the JavaScript API; a project may have more of them.",
    __config__=ConfigDict(**_CHECKED, json_schema_extra={"minProperties": 1}),
    **_SCHEMAS,
)
"""For /openapi.json alone."""


class EventBody(BaseModel):
    """A user who exists, and what happened."""

    user: User
    event: StandardEvent


class UserBody(BaseModel):
    """A user who is created or updated."""

    user: User


class Event(NamedTuple):
    """An event that has been checked. `members` is the object that holds its members.

    `kind` is the standard event; `event_type` is the same but for a generic one, which names itself. `address` is
    the one in a login.
    """

    kind: str
    event_type: str
    members: bytes
    address: str | None


_body = msgspec.json.Decoder(Body)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_event(project: str, further: Collection[str], body: bytes, now_ms: int) -> tuple[Person, Event]:
    """Read a body of POST /event/; `further` are standard events of the project's own.

    Raises `Malformed`, or `InvalidBody` with the first problem: what is missing, then the user, then the event.
    """
    sent = _sent(body)
    if is_absent(sent.event):
        raise InvalidBody("Missing event information", "Please send event information along with user")
    if is_absent(sent.user):
        raise InvalidBody("Missing user information", "Please send user information along with event")
    return _person(project, sent.user), _event(sent.event, further, now_ms)


def read_user(project: str, body: bytes) -> Person:
    """Read a body of POST /user/.

    Raises `Malformed` or `InvalidBody`.
    """
    sent = _sent(body)
    if is_absent(sent.user):
        raise InvalidBody("Missing user information", "Please send user information: email or _id, and attributes")
    if not is_absent(sent.event):
        raise invalid_user("This path takes a user alone: please send events to /event/")
    return _person(project, sent.user)


def _sent(body: bytes) -> Body:
    try:
        sent = json_text.decode(body, _body)
    except msgspec.ValidationError:
        raise InvalidBody("Invalid request", "Body must be a JSON object") from None
    json_text.refuse_deep(body)
    return sent


def _person(project: str, sent: msgspec.Raw) -> Person:
    try:
        members = _members.decode(sent)
    except msgspec.ValidationError:
        raise invalid_user("user must be an object") from None
    try:
        user = User.model_validate(_values(members, ("_id", "email")))
    except ValidationError as error:
        raise invalid_user(_words(error)) from None
    if user.id is None and user.email is None:
        raise invalid_user("Please identify the user by email, _id or both")
    # The validator has made text of an id, which the type checker cannot see.
    return Person(project, None if user.id is None else str(user.id), user.email)


def _event(sent: msgspec.Raw, further: Collection[str], now_ms: int) -> Event:
    try:
        kinds = kinds_of(sent)
    except msgspec.ValidationError:
        raise invalid_event("event must be an object") from None
    if len(kinds) != 1:
        raise invalid_event(f"event must have exactly one standard event, not {'several' if kinds else 'none'}")
    ((kind, outer),) = kinds.items()
    if kind not in STANDARD_EVENTS and kind not in further:
        raise invalid_event(f"event must be one of {', '.join((*STANDARD_EVENTS, *sorted(further)))}")
    if not is_object(outer):
        raise invalid_event(f"{kind} must be an object")
    members = members_of(kind, outer)
    checked = _checked(_MODELS.get(kind, Members), members, now_ms)
    if kind == CONFIRMATION and order_of(bytes(members)) is None:
        raise invalid_event(_WORDS["orderId"])
    return Event(
        kind,
        checked.event_name if isinstance(checked, Generic) else kind,
        bytes(members),
        checked.email if isinstance(checked, Login) else None,
    )


def _checked(model: type[Members], members: msgspec.Raw, now_ms: int) -> Members:
    try:
        checked = model.model_validate(_values(_members.decode(members), _FIELDS[model]))
    except ValidationError as error:
        raise invalid_event(_words(error)) from None
    if checked.timestamp is not None:
        at_ms = event_time(checked.timestamp)
        if at_ms is None:
            raise invalid_event(_WORDS["timestamp"])
        if not is_plausible(at_ms, now_ms):
            raise invalid_event("timestamp must be between 1990 and a year from now")
    return checked


def _values(members: dict[str, msgspec.Raw], names: Collection[str]) -> dict[str, Any]:
    return {name: json_text.scalar_of(members[name]) for name in names if name in members}


_WORDS = {
    "_id": f"_id must be a non-empty string of at most {MAX_NAME} characters or an integer",
    "email": f"email must be a non-empty string of at most {MAX_NAME} characters",
    "timestamp": "timestamp must be a number of milliseconds or an ISO 8601 time",
    "orderId": f"orderId must be a non-empty string of at most {MAX_NAME} characters or an integer",
    "event_name": "event_name must be a string of 1 to 64 characters",
}


def _words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return _WORDS[str(first["loc"][0])]
