"""API `events`: the document leaves open what an event holds beside its type, so columns are found by usual names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.event import Event
from sluice.contract.state_keys import USER_NAMES, identifier, order_of
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.usual_names import Sent, usual_columns
from sluice.processors.rules.canonical.values import text

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors

PING_ID = "ping_id"
HEADER_PREFIX = "header."


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event that the gateway has validated.

    Its properties are the members of the messageheader (as `header.<name>`), the event's own that are no column, and
    those of its object `properties`; of two of one name the later counts. `ping_id` is the request's.
    """
    event = Members(line.event)
    sent = Sent.of(event)
    user_id = sent.column(identifier, *USER_NAMES) or ""
    columns = usual_columns(sent)
    timestamp = event.time("timestamp")
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else timestamp,
        event_type=event.take(text, "type", "eventType", "event_type") or "",
        user_id=user_id,
        visitor_id=visitors.visitor_id(line.project, user_id, columns["anonymous_id"]),
        order_id=order_of(bytes(line.event)) or "",
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=_header(line) | sent.extra() | {PING_ID: line.context.ping_id},
        **columns,
    )


def _header(line: RawLine) -> dict[str, str]:
    header = line.context.header
    members = {} if header is msgspec.UNSET else Members(header).extra()
    return {HEADER_PREFIX + name: value for name, value in members.items()}
