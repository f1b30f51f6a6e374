"""How an event of API `events` becomes the canonical event."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOW, raw_line

from sluice.contract.event import Api, Consent, Event
from sluice.contract.raw import Context
from sluice.contract.state_keys import user_of
from sluice.processors.rules.canonical import events
from sluice.processors.rules.canonical.visitor import Visitors

VISITORS = Visitors(b"secret")
PING = Context(ping_id="c523aa41-9f0f-4fc2-bc96-5a8ff5520b78")


def canonical(event: dict[str, Any] | bytes, context: Context = PING) -> Event:
    sent = event if isinstance(event, bytes) else json.dumps({"type": "page_view"} | event).encode()
    return events.canonical(raw_line(sent, api=Api.EVENTS, context=context), VISITORS)


def properties(event: dict[str, Any] | bytes, context: Context = PING) -> dict[str, str]:
    """Its properties without the pingId."""
    found = canonical(event, context).properties
    return {name: text for name, text in found.items() if name != "ping_id"}


@pytest.mark.parametrize("name", ["type", "eventType", "event_type"])
def test_the_type_is_found_under_each_of_its_names(name: str):
    event = canonical(json.dumps({name: "click"}).encode())
    assert (event.event_type, set(event.properties)) == ("click", {"ping_id"})


def test_of_several_names_of_the_type_the_first_that_is_not_null_counts_and_the_others_are_properties():
    sent = {"type": None, "eventType": "click", "event_type": "tap"}
    assert canonical(sent).event_type == "click"
    assert properties(sent) == {"event_type": "tap"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (NOW - 1, NOW - 1),
        (NOW + 0.9, NOW),
        ("2023-12-19T15:53:54.5679Z", 1703001234567),
        ("2023-12-19T16:53:54.567+01:00", 1703001234567),
        ("2023-12-19T15:53:54.567", 1703001234567),
        (None, NOW),
    ],
)
def test_the_time_is_in_milliseconds_or_iso_8601_or_that_of_receipt(sent: Any, expected: int):
    assert canonical({"timestamp": sent}).timestamp == expected


def test_without_a_time_it_is_that_of_receipt():
    assert canonical({}).timestamp == NOW


def test_the_usual_names_become_columns():
    event = canonical(
        {
            "userId": "user_123",
            "anonymousId": "anon_1",
            "sessionId": "session_1",
            "siteId": "shop",
            "pageUrl": "https://example.com/products",
            "pageTitle": "Products",
            "referrer": "https://google.com",
            "utmSource": "s",
            "utmMedium": "m",
            "utmCampaign": "c",
            "country": "de",
            "deviceType": "mobile",
            "browser": "Firefox",
            "os": "Linux",
            "value": 9.5,
            "currency": "eur",
        }
    )
    assert (event.user_id, event.anonymous_id, event.session_id, event.site_id) == (
        "user_123",
        "anon_1",
        "session_1",
        "shop",
    )
    assert (event.url, event.page_title, event.referrer) == (
        "https://example.com/products",
        "Products",
        "https://google.com",
    )
    assert (event.utm_source, event.utm_medium, event.utm_campaign) == ("s", "m", "c")
    assert (event.country, event.device_type, event.browser, event.os) == ("DE", "mobile", "Firefox", "Linux")
    assert (event.value, event.currency) == (9.5, "EUR")
    assert set(event.properties) == {"ping_id"}


@pytest.mark.parametrize(
    "name",
    [
        "user_id",
        "anonymous_id",
        "session_id",
        "site_id",
        "url",
        "page_title",
        "utm_source",
        "utm_medium",
        "utm_campaign",
    ],
)
def test_names_may_be_in_snake_case(name: str):
    assert getattr(canonical({name: "x"}), name) == "x"


def test_a_column_that_the_event_leaves_empty_is_read_in_its_properties_where_it_stays():
    event = canonical({"url": "/a", "properties": {"url": "/b", "referrer": "/c", "value": 7}})
    assert (event.url, event.referrer, event.value) == ("/a", "/c", 7.0)
    assert event.properties == {"ping_id": PING.ping_id, "url": "/b", "referrer": "/c", "value": "7"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("userId", {"id": 1}),
        ("userId", True),
        ("userId", "u" * 257),
        ("sessionId", ["s"]),
        ("url", 7),
        ("country", "Germany"),
        ("country", "ß"),
        ("country", "D1"),
        ("device_type", "tv"),
        ("value", "9.5"),
        ("currency", "EURO"),
    ],
)
def test_what_a_column_is_not_for_becomes_a_property(name: str, value: Any):
    text = value if isinstance(value, str) else json.dumps(value)
    assert properties({name: value}) == {name: text}


def test_a_user_may_be_a_number():
    event = canonical({"userId": 42})
    assert event.user_id == "42"
    assert event.visitor_id == VISITORS.visitor_id("demo", "42", "")


USER_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.text(max_size=3) | st.integers() | st.booleans() | st.just("u" * 257) | st.just([])
)
USERS = st.dictionaries(st.sampled_from(["userId", "user_id"]), USER_VALUES)


@given(USERS, USERS)
def test_the_user_is_the_one_that_the_gateway_routes_by(event: dict[str, Any], inner: dict[str, Any]):
    sent = json.dumps({"type": "email_open", "properties": inner} | event).encode()
    assert canonical(sent).user_id == (user_of(sent) or "")


@pytest.mark.parametrize(
    "sent", [{"orderId": 17}, {"order_id": "17"}, {"properties": {"orderId": "17"}}, {"properties": {"order_id": 17}}]
)
def test_an_order_is_found_and_stays_a_property(sent: dict[str, Any]):
    assert canonical(sent).order_id == "17"
    assert list(properties(sent).values()) == ["17"]


def test_fields_of_the_customers_own_become_properties():
    sent = {"plan": "gold", "seats": 3, "tags": ["a", {"b": None}], "ok": True, "none": None}
    assert properties(sent) == {"plan": "gold", "seats": "3", "tags": '["a", {"b": null}]', "ok": "true"}


def test_members_of_properties_win_over_fields_of_the_same_name():
    assert properties({"plan": "gold", "properties": {"plan": "free"}}) == {"plan": "free"}


@pytest.mark.parametrize("sent", [[1, 2], "text", 7])
def test_properties_that_are_no_object_are_kept_as_text(sent: Any):
    assert set(properties({"properties": sent})) == {"properties"}


@pytest.mark.parametrize("name", ["n", "value"])
@pytest.mark.parametrize("number", ["9" * 400, "1e999"])
def test_a_number_that_no_parser_holds_is_kept_as_it_was_written(name: str, number: str):
    assert properties(b'{"type":"click","%s":%s}' % (name.encode(), number.encode())) == {name: number}


def test_the_ping_id_is_a_property_that_no_event_can_claim():
    assert canonical({"ping_id": "mine", "properties": {"ping_id": "mine"}}).properties == {"ping_id": PING.ping_id}


def test_the_messageheader_is_kept_under_names_of_its_own():
    context = Context(
        ping_id="p", header=msgspec.Raw(b'{"source": "shop", "retry": 1, "deep": {"a": []}, "no": null}')
    )
    assert properties({"source": "event"}, context) == {
        "source": "event",
        "header.source": "shop",
        "header.retry": "1",
        "header.deep": '{"a": []}',
    }


def test_nothing_is_known_of_consent_and_the_address_is_kept():
    event = canonical({})
    assert (event.consent, event.ip, event.user_agent) == (Consent.UNKNOWN, "192.0.2.1", "Mozilla/5.0")


def test_without_user_and_anonymous_id_the_visitor_is_unknown():
    assert canonical({}).visitor_id == 0
    assert canonical({"anonymousId": "a"}).visitor_id == VISITORS.visitor_id("demo", "", "a")
