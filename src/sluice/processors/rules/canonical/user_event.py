"""API `user_event`: a standard event of a user whom the gateway has found, or a user who was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.contract import standard_events
from sluice.contract.event import Event
from sluice.contract.standard_events import GENERIC, UPDATE, USER_SAVED
from sluice.contract.state_keys import identifier, normal_email, order_of
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.usual_names import Sent, usual_columns
from sluice.processors.rules.canonical.values import amount, text

if TYPE_CHECKING:
    from sluice.contract.raw import Context, RawLine
    from sluice.processors.rules.canonical.visitor import Visitors

SETS_ATTRIBUTES_ONLY = {UPDATE, USER_SAVED}
"""What these hold are attributes of a user, so no column takes any of it: a user's country is not an event's."""


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event, or a saved user, that the gateway has validated.

    The user is the one whom the gateway found. What the event holds beside its columns becomes properties, but not
    what names that same user once more; what stands around it in the request is in the payload alone.
    """
    sent = standard_events.read(line.event)
    members = Members(sent.members)
    _drop_names(members, line.context)
    if sent.kind == GENERIC:
        members.text("event_name")
    timestamp = None if sent.kind == USER_SAVED else members.time("timestamp")
    columns, properties = _attributes(members) if sent.kind in SETS_ATTRIBUTES_ONLY else _columns(members)
    user_id = line.context.user_id
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else timestamp,
        event_type=sent.event_type,
        user_id=user_id,
        visitor_id=visitors.visitor_id(line.project, user_id, ""),
        order_id="" if sent.kind in SETS_ATTRIBUTES_ONLY else order_of(bytes(sent.members)) or "",
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=properties,
        **columns,
    )


def _attributes(members: Members) -> tuple[dict[str, Any], dict[str, str]]:
    return {}, members.extra()


def _columns(members: Members) -> tuple[dict[str, Any], dict[str, str]]:
    sent = Sent.of(members)
    columns = usual_columns(sent)
    if columns["value"] is None:
        columns["value"] = sent.column(amount, "total")
    return columns, sent.extra()


def _drop_names(members: Members, user: Context) -> None:
    """Take out `_id` and `email` where they are the user's; others, such as a friend's address, stay."""
    if members.look(identifier, "_id") == user.user_id:
        members.text("_id")
    address = members.look(text, "email")
    if address and normal_email(address) == user.email:
        members.text("email")
