"""API `events`: the document leaves open what an event holds beside its type, so columns are found by usual names.

A name may stand in the event or, else, in its object `properties`, in camelCase or snake_case. A column takes only
what it is for: `country` two letters, `value` a number, and so on. What no column takes becomes a property, and all
of `properties` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from sluice.contract.event import Event
from sluice.contract.state_keys import USER_NAMES, identifier, order_of
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.values import amount, country, currency, device_type, json_object, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors

T = TypeVar("T")

PING_ID = "ping_id"
HEADER_PREFIX = "header."

_EMPTY = b"{}"


class _Sent(NamedTuple):
    """An event and its object `properties`."""

    event: Members
    properties: Members

    def column(self, read: Callable[[bytes], T | None], *names: str) -> T | None:
        """Take a column's value out of the event, or else read it in the properties, where it stays."""
        found = self.event.take(read, *names)
        return self.properties.look(read, *names) if found is None else found


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event that the gateway has validated.

    Its properties are the members of the messageheader (as `header.<name>`), the event's own that are no column, and
    those of its object `properties`; of two of one name the later counts. `ping_id` is the request's.
    """
    event = Members(line.event)
    sent = _Sent(event, Members(event.take(json_object, "properties") or _EMPTY))
    user_id = sent.column(identifier, *USER_NAMES) or ""
    anonymous_id = sent.column(identifier, "anonymous_id", "anonymousId") or ""
    timestamp = event.time("timestamp")
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else timestamp,
        event_type=event.take(text, "type", "eventType", "event_type") or "",
        site_id=sent.column(identifier, "site_id", "siteId") or "",
        session_id=sent.column(identifier, "sessionId", "session_id") or "",
        user_id=user_id,
        anonymous_id=anonymous_id,
        visitor_id=visitors.visitor_id(line.project, user_id, anonymous_id),
        url=sent.column(text, "url", "pageUrl", "page_url") or "",
        page_title=sent.column(text, "pageTitle", "page_title") or "",
        referrer=sent.column(text, "referrer") or "",
        utm_source=sent.column(text, "utmSource", "utm_source") or "",
        utm_medium=sent.column(text, "utmMedium", "utm_medium") or "",
        utm_campaign=sent.column(text, "utmCampaign", "utm_campaign") or "",
        country=sent.column(country, "country") or "",
        device_type=sent.column(device_type, "deviceType", "device_type") or "",
        browser=sent.column(text, "browser") or "",
        os=sent.column(text, "os") or "",
        order_id=order_of(bytes(line.event)) or "",
        value=sent.column(amount, "value"),
        currency=sent.column(currency, "currency") or "",
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=_header(line) | sent.event.extra() | sent.properties.extra() | {PING_ID: line.context.ping_id},
    )


def _header(line: RawLine) -> dict[str, str]:
    header = line.context.header
    members = {} if header is msgspec.UNSET else Members(header).extra()
    return {HEADER_PREFIX + name: value for name, value in members.items()}
