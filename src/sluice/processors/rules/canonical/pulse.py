"""API `pulse`: flat events with their known members at the top level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.event import Event
from sluice.contract.state_keys import order_of
from sluice.processors.rules.canonical.members import Members

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event that the gateway has validated.

    The document's nine fields become columns; `country` is stored in upper case. A customer's own fields, and the
    members of an object `properties`, become properties; where both have a name, the one in `properties` counts.
    """
    members = Members(line.event)
    user_id = members.text("user_id")
    anonymous_id = members.text("anonymous_id")
    timestamp = members.number("timestamp")
    properties = members.object("properties")
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else int(timestamp),
        site_id=members.text("site_id"),
        event_type=members.text("event_type"),
        session_id=members.text("session_id"),
        user_id=user_id,
        anonymous_id=anonymous_id,
        visitor_id=visitors.visitor_id(line.project, user_id, anonymous_id),
        url=members.text("url"),
        referrer=members.text("referrer"),
        country=members.text("country").upper(),
        device_type=members.text("device_type"),
        order_id=order_of(bytes(line.event)) or "",
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=members.extra() | properties,
    )
