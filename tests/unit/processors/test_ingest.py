"""How an event of API `ingest` becomes the canonical event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.factories import raw_line

from sluice.contract.event import Api, Event
from sluice.processors.rules.canonical import ingest
from sluice.processors.rules.canonical.visitor import Visitors

VISITORS = Visitors(b"secret")


def canonical(**changes: Any) -> Event:
    event = {
        "eventName": "page_viewed",
        "timestamp": "2026-02-16T10:30:00.000Z",
        "anonymousId": "anon-123",
        "sessionId": "sess-456",
        "consentGiven": True,
    } | changes
    return ingest.canonical(raw_line(json.dumps(event).encode(), api=Api.INGEST), VISITORS)


def test_the_documents_fields_become_columns():
    event = canonical(
        userId="user_1",
        pageUrl="https://example.com/pricing",
        pageTitle="Pricing",
        referrer="https://google.com",
        utmSource="s",
        utmMedium="m",
        utmCampaign="c",
        deviceType="tablet",
        browser="Firefox",
        os="Linux",
    )
    assert (event.event_type, event.timestamp) == ("page_viewed", 1771237800000)
    assert (event.anonymous_id, event.session_id, event.user_id) == ("anon-123", "sess-456", "user_1")
    assert (event.url, event.page_title, event.referrer) == (
        "https://example.com/pricing",
        "Pricing",
        "https://google.com",
    )
    assert (event.utm_source, event.utm_medium, event.utm_campaign) == ("s", "m", "c")
    assert (event.device_type, event.browser, event.os) == ("tablet", "Firefox", "Linux")
    assert event.properties == {}


def test_null_is_absent():
    event = canonical(userId=None, utmSource=None, properties=None, extra=None)
    assert (event.user_id, event.utm_source, event.properties) == ("", "", {})


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-02-16T10:30:00+00:00", 1771237800000),
        ("2026-02-16T10:30Z", 1771237800000),
        ("2026-02-16T10:30:00.0019999Z", 1771237800001),
    ],
)
def test_the_time_is_read_to_the_millisecond(timestamp: str, expected: int):
    assert canonical(timestamp=timestamp).timestamp == expected


def test_the_visitor_is_the_user_else_the_anonymous_id():
    assert canonical(userId="u").visitor_id == VISITORS.visitor_id("demo", "u", "anon-123")
    assert canonical().visitor_id == VISITORS.visitor_id("demo", "", "anon-123")


def test_properties_and_other_fields_become_properties():
    event = canonical(plan="gold", seats=3, properties={"path": "/pricing", "plan": "free"})
    assert event.properties == {"plan": "free", "seats": "3", "path": "/pricing"}


@pytest.mark.parametrize("sent", [{"orderId": "A-17"}, {"order_id": "A-17"}, {"properties": {"orderId": "A-17"}}])
def test_an_order_is_found_and_stays_a_property(sent: dict[str, Any]):
    event = canonical(**sent)
    assert event.order_id == "A-17"
    assert list(event.properties.values()) == ["A-17"]
