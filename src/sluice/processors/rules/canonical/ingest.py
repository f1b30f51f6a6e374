"""API `ingest`: flat events with the document's members at the top level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.consent import DOCUMENTED
from sluice.contract.event import Event
from sluice.contract.state_keys import order_of
from sluice.processors.rules.canonical.members import Members

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event that the gateway has validated.

    The document's fields become columns. Other fields, and the members of `properties`, become properties; where
    both have a name, the one in `properties` counts.
    """
    members = Members(line.event)
    user_id = members.text("userId")
    anonymous_id = members.text("anonymousId")
    timestamp = members.time("timestamp")
    members.text(DOCUMENTED)
    properties = members.object("properties")
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else timestamp,
        event_type=members.text("eventName"),
        session_id=members.text("sessionId"),
        user_id=user_id,
        anonymous_id=anonymous_id,
        visitor_id=visitors.visitor_id(line.project, user_id, anonymous_id),
        url=members.text("pageUrl"),
        page_title=members.text("pageTitle"),
        referrer=members.text("referrer"),
        utm_source=members.text("utmSource"),
        utm_medium=members.text("utmMedium"),
        utm_campaign=members.text("utmCampaign"),
        device_type=members.text("deviceType"),
        browser=members.text("browser"),
        os=members.text("os"),
        order_id=order_of(bytes(line.event)) or "",
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=members.extra() | properties,
    )
