"""API `client`: resource objects of JSON:API, whose profile stands beside them in the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.event import Event
from sluice.contract.json_api import attributes_of
from sluice.contract.state_keys import order_of
from sluice.processors.rules.canonical.members import Members
from sluice.processors.rules.canonical.usual_names import Sent, usual_columns
from sluice.processors.rules.canonical.values import text

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


_metric_relation = msgspec.json.Decoder(_MetricRelation)


def canonical(line: RawLine, visitors: Visitors) -> Event:
    """Read an event that the gateway has validated, and whose user it has found.

    The document's attributes become columns, others by their usual names. Its properties are the metric's `service`,
    the attributes that are no column (`unique_id` too), and all of `properties`; of two of one name the later counts.
    """
    event = attributes_of(line.event)
    attributes = Members(event)
    metric = _metric_relation.decode(attributes.text("metric")).data.attributes
    timestamp = attributes.time("time")
    currency = attributes.text("value_currency").upper()
    sent = Sent.of(attributes)
    usual = usual_columns(sent)
    anonymous_id = line.context.anonymous_id or usual["anonymous_id"]
    columns = usual | {
        "anonymous_id": anonymous_id,
        "currency": currency or usual["currency"],
        "url": usual["url"] or sent.properties.look(text, "URL") or "",  # as pages of Klaviyo's customers call it
    }
    return Event(
        event_id=line.id,
        request_id=line.request_id,
        received_at=line.received_at,
        timestamp=line.received_at if timestamp is None else timestamp,
        event_type=metric.name,
        user_id=line.context.user_id,
        visitor_id=visitors.visitor_id(line.project, line.context.user_id, anonymous_id),
        order_id=order_of(bytes(event)) or "",
        ip=line.client.ip,
        user_agent=line.client.user_agent,
        properties=({"service": metric.service} if metric.service else {}) | sent.extra(),
        **columns,
    )
