"""API `client`: resource objects of JSON:API, whose profile stands beside them in the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.event import Event
from sluice.contract.state_keys import identifier, order_of
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.values import country, device_type, json_object, text

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors


class _MetricAttributes(msgspec.Struct):
    name: str
    service: str | None = None


class _Metric(msgspec.Struct):
    attributes: _MetricAttributes


class _MetricRelation(msgspec.Struct):
    data: _Metric


class _Resource(msgspec.Struct):
    attributes: msgspec.Raw


_resource = msgspec.json.Decoder(_Resource)
_metric_relation = msgspec.json.Decoder(_MetricRelation)


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event that the gateway has validated, whose user the gateway has found.

    The document's attributes become columns. Further columns are found by their usual names in the event's own
    `properties`, where they stay. Its properties are `service`, `unique_id`, attributes that the document does not
    know, and all of `properties`; of two of one name the later counts.
    """
    event = _resource.decode(line.event).attributes
    attributes = Members(event)
    metric = _metric_relation.decode(attributes.text("metric")).data.attributes
    timestamp = attributes.time("time")
    properties = Members(attributes.take(json_object, "properties") or b"{}")
    user_id, anonymous_id = line.context.user_id, line.context.anonymous_id
    service = {"service": metric.service} if metric.service else {}
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else timestamp,
        event_type=metric.name,
        site_id=properties.look(identifier, "site_id", "siteId") or "",
        session_id=properties.look(identifier, "session_id", "sessionId") or "",
        user_id=user_id,
        anonymous_id=anonymous_id,
        visitor_id=visitors.visitor_id(line.project, user_id, anonymous_id),
        url=properties.look(text, "url", "URL", "page_url", "pageUrl") or "",
        page_title=properties.look(text, "page_title", "pageTitle") or "",
        referrer=properties.look(text, "referrer") or "",
        utm_source=properties.look(text, "utm_source", "utmSource") or "",
        utm_medium=properties.look(text, "utm_medium", "utmMedium") or "",
        utm_campaign=properties.look(text, "utm_campaign", "utmCampaign") or "",
        country=properties.look(country, "country") or "",
        device_type=properties.look(device_type, "device_type", "deviceType") or "",
        browser=properties.look(text, "browser") or "",
        os=properties.look(text, "os") or "",
        order_id=order_of(bytes(event)) or "",
        value=attributes.number("value"),
        currency=attributes.text("value_currency").upper(),
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=service | attributes.extra() | properties.extra(),
    )
