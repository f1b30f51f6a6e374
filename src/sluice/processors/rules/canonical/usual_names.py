"""Columns of events whose document leaves open what they hold: found by their usual names.

A name may stand in the event or, else, in its object `properties`, in camelCase or snake_case. A column takes only
what it is for: `country` two letters, `value` a number, and so on. What no column takes becomes a property, and all
of `properties` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sluice.contract.state_keys import identifier
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.values import amount, country, currency, device_type, json_object, text

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_EMPTY = b"{}"


class Sent(NamedTuple):
    """An event and its object `properties`."""

    event: Members
    properties: Members

    @classmethod
    def of(cls, event: Members) -> Sent:
        """Take the properties out of an event."""
        return cls(event, Members(event.take(json_object, "properties") or _EMPTY))

    def column(self, read: Callable[[bytes], T | None], *names: str) -> T | None:
        """Take a column's value out of the event, or else read it in the properties, where it stays."""
        found = self.event.take(read, *names)
        return self.properties.look(read, *names) if found is None else found

    def extra(self) -> dict[str, str]:
        """Give what no column took, and all of the properties; where both have a name, the property counts."""
        return self.event.extra() | self.properties.extra()


def usual_columns(sent: Sent) -> dict[str, Any]:
    """Give the columns that every event may have, by name, but for the user and the order."""
    return {
        "site_id": sent.column(identifier, "site_id", "siteId") or "",
        "session_id": sent.column(identifier, "sessionId", "session_id") or "",
        "anonymous_id": sent.column(identifier, "anonymous_id", "anonymousId") or "",
        "url": sent.column(text, "url", "pageUrl", "page_url") or "",
        "page_title": sent.column(text, "pageTitle", "page_title") or "",
        "referrer": sent.column(text, "referrer") or "",
        "utm_source": sent.column(text, "utmSource", "utm_source") or "",
        "utm_medium": sent.column(text, "utmMedium", "utm_medium") or "",
        "utm_campaign": sent.column(text, "utmCampaign", "utm_campaign") or "",
        "country": sent.column(country, "country") or "",
        "device_type": sent.column(device_type, "deviceType", "device_type") or "",
        "browser": sent.column(text, "browser") or "",
        "os": sent.column(text, "os") or "",
        "value": sent.column(amount, "value"),
        "currency": sent.column(currency, "currency") or "",
    }
