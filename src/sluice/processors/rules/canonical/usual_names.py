"""Columns of events whose document leaves open what they hold: found by their usual names.

A name may stand in the event or, else, in its object `properties`, in camelCase or snake_case. A column takes only
what it is for: `country` two letters, `value` a number, and so on. What no column takes becomes a property, and all
of `properties` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sluice.contract.state_keys import identifier
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.values import amount, country, currency, device_type, json_object, text

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


Read = Callable[[bytes], object]

_COLUMNS: dict[str, tuple[Read, tuple[str, ...]]] = {
    "site_id": (identifier, ("site_id", "siteId")),
    "session_id": (identifier, ("sessionId", "session_id")),
    "anonymous_id": (identifier, ("anonymous_id", "anonymousId")),
    "url": (text, ("url", "pageUrl", "page_url")),
    "page_title": (text, ("pageTitle", "page_title")),
    "referrer": (text, ("referrer",)),
    "utm_source": (text, ("utmSource", "utm_source")),
    "utm_medium": (text, ("utmMedium", "utm_medium")),
    "utm_campaign": (text, ("utmCampaign", "utm_campaign")),
    "country": (country, ("country",)),
    "device_type": (device_type, ("deviceType", "device_type")),
    "browser": (text, ("browser",)),
    "os": (text, ("os",)),
    "value": (amount, ("value",)),
    "currency": (currency, ("currency",)),
}
_EMPTY_COLUMNS: dict[str, object] = dict.fromkeys(_COLUMNS, "") | {"value": None}
_BY_NAME = {name: (column, read) for column, (read, names) in _COLUMNS.items() for name in names}


def usual_columns(sent: Sent) -> dict[str, Any]:
    """Give the columns that every event may have, by name, but for the user and the order."""
    found: dict[str, object] = {}
    # Few of the names are there, so the names that are there are asked for their columns, not the other way round.
    for members, read_member in ((sent.event, sent.event.take), (sent.properties, sent.properties.look)):
        for name in members.among(_BY_NAME):
            column, read = _BY_NAME[name]
            if column not in found and (value := read_member(read, name)) is not None:
                found[column] = value
    return _EMPTY_COLUMNS | found
