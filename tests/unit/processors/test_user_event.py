"""How an event of API `user_event`, or a user who was saved, becomes the canonical event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.factories import NOW, raw_line

from sluice.contract.event import Api
from sluice.contract.raw import Context
from sluice.contract.standard_events import STANDARD_EVENTS
from sluice.processors.rules.canonical import user_event
from sluice.processors.rules.canonical.visitor import Visitors

VISITORS = Visitors(b"secret")
ANN = Context(user_id="u1", email="ann@example.com")


def canonical_of(body: dict[str, Any] | bytes, context: Context = ANN, **line: Any):
    return user_event.canonical(raw_line(body, api=Api.USER_EVENT, context=context, **line), VISITORS)


def canonical(kind: str, members: dict[str, Any] | None = None, context: Context = ANN):
    return canonical_of({"user": {"_id": "u1"}, "event": {kind: members or {}}}, context)


def saved(user: dict[str, Any], context: Context = ANN):
    return canonical_of({"user": user}, context)


# Type, user and time


@pytest.mark.parametrize("kind", [name for name in STANDARD_EVENTS if name != "generic"])
def test_the_type_is_the_standard_events_name(kind: str):
    assert canonical(kind).event_type == kind


@pytest.mark.parametrize("members", [{"event_name": "signed", "n": 1}, {"generic": {"event_name": "signed", "n": 1}}])
def test_a_generic_events_type_is_its_own_name_which_is_no_property(members: dict[str, Any]):
    event = canonical("generic", members)
    assert (event.event_type, event.properties) == ("signed", {"n": "1"})


def test_an_event_name_of_another_event_is_a_property():
    assert canonical("search", {"event_name": "x"}).properties == {"event_name": "x"}


@pytest.mark.parametrize("body", [{"user": {"_id": "u1"}}, {"user": {"_id": "u1"}, "event": None}])
def test_a_body_without_an_event_is_a_saved_user(body: dict[str, Any]):
    assert canonical_of(body).event_type == "user_saved"


def test_the_user_is_whom_the_gateway_found_whatever_the_request_says():
    event = canonical_of({"user": {"_id": "u9"}, "event": {"search": {"user_id": "u8", "userId": "u7"}}})
    assert event.user_id == "u1"
    assert event.visitor_id == VISITORS.visitor_id("demo", "u1", "")
    assert event.properties == {"user_id": "u8", "userId": "u7"}


@pytest.mark.parametrize("sent", [1703001234567, 1703001234567.9, "2023-12-19T15:53:54.567Z"])
def test_an_events_time_is_its_own(sent: Any):
    for kind in ("search", "update", "confirmation"):
        event = canonical(kind, {"timestamp": sent})
        assert (event.timestamp, event.received_at, event.properties) == (1703001234567, NOW, {})


def test_a_generic_events_time_stands_beside_its_name():
    assert canonical("generic", {"generic": {"event_name": "x", "timestamp": 1000}}).timestamp == 1000


@pytest.mark.parametrize("members", [{}, {"timestamp": None}])
def test_without_a_time_it_is_when_it_was_received(members: dict[str, Any]):
    assert canonical("search", members).timestamp == NOW


def test_a_time_beside_the_event_is_not_the_events():
    assert canonical_of({"user": {"_id": "u1"}, "event": {"search": {}}, "timestamp": 1000}).timestamp == NOW


def test_the_line_says_who_sent_it_and_when():
    event = canonical_of({"user": {"_id": "u1"}, "event": {"search": {}}}, number=7)
    assert (event.event_id[-1], event.request_id, event.received_at) == ("7", "request-1", NOW)
    assert (event.ip, event.user_agent) == ("192.0.2.1", "Mozilla/5.0")


# Columns


@pytest.mark.parametrize(
    ("column", "name", "sent", "expected"),
    [
        ("session_id", "sessionId", "s1", "s1"),
        ("session_id", "session_id", "s1", "s1"),
        ("anonymous_id", "anonymousId", "a1", "a1"),
        ("url", "url", "https://example.com/a", "https://example.com/a"),
        ("url", "pageUrl", "https://example.com/a", "https://example.com/a"),
        ("page_title", "page_title", "Shoes", "Shoes"),
        ("referrer", "referrer", "https://example.org", "https://example.org"),
        ("utm_source", "utmSource", "mail", "mail"),
        ("utm_medium", "utm_medium", "mail", "mail"),
        ("utm_campaign", "utmCampaign", "spring", "spring"),
        ("country", "country", "ro", "RO"),
        ("device_type", "deviceType", "mobile", "mobile"),
        ("browser", "browser", "Firefox", "Firefox"),
        ("os", "os", "Linux", "Linux"),
        ("value", "value", 12.5, 12.5),
        ("value", "total", 12, 12.0),
        ("currency", "currency", "ron", "RON"),
    ],
)
def test_a_column_takes_a_member_of_its_usual_name(column: str, name: str, sent: Any, expected: Any):
    event = canonical("page_view", {name: sent})
    assert (getattr(event, column), event.properties) == (expected, {})
    nested = canonical("page_view", {"properties": {name: sent}})
    assert getattr(nested, column) == expected
    assert set(nested.properties) == {name}


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("country", "Romania"),
        ("device_type", "fridge"),
        ("value", "12.50"),
        ("value", True),
        ("total", {"amount": 1}),
        ("currency", "lei!"),
        ("url", {"path": "/"}),
        ("session_id", ["s"]),
    ],
)
def test_what_a_column_is_not_for_stays_a_property(name: str, sent: Any):
    event = canonical("page_view", {name: sent})
    assert set(event.properties) == {name}
    assert not any(getattr(event, column) for column in ("country", "device_type", "value", "currency", "url"))


def test_a_value_counts_before_a_total_which_stays_a_property():
    event = canonical("confirmation", {"orderId": 1, "value": 10, "total": 12})
    assert (event.value, event.properties) == (10, {"orderId": "1", "total": "12"})


@pytest.mark.parametrize(
    "members",
    [{"orderId": "17"}, {"order_id": 17}, {"properties": {"orderId": 17}}, {"orderId": 17, "order_id": "x"}],
)
def test_a_confirmations_order_is_a_column(members: dict[str, Any]):
    assert canonical("confirmation", members).order_id == "17"


def test_an_order_under_a_name_in_escapes_is_found():
    assert canonical_of(b'{"user":{"_id":"u1"},"event":{"confirmation":{"\\u006frderId":17}}}').order_id == "17"


# Properties


def test_what_no_column_takes_becomes_a_property():
    event = canonical(
        "search", {"q": "shoes", "page": 2, "filters": {"size": [41]}, "none": None, "properties": {"a": 1}}
    )
    assert event.properties == {"q": "shoes", "page": "2", "filters": '{"size": [41]}', "a": "1"}


def test_what_stands_around_the_event_is_in_the_payload_alone():
    body = {
        "user": {"_id": "u1", "firstname": "ann"},
        "event": {"generic": {"generic": {"event_name": "x"}, "n": 1}},
        "m": 2,
    }
    assert canonical_of(body).properties == {}


@pytest.mark.parametrize("number", ["9" * 400, "1e999", "18446744073709551616"])
def test_a_number_that_no_parser_holds_is_kept_as_it_was_written(number: str):
    body = b'{"user":{"_id":"u1"},"event":{"search":{"n":%s,"value":%s}}}' % (number.encode(), b"1e999")
    assert canonical_of(body).properties == {"n": number, "value": "1e999"}


@pytest.mark.parametrize("kind", ["login", "update", "search"])
def test_an_email_that_is_the_users_is_no_property(kind: str):
    assert canonical(kind, {"email": " Ann@Example.com"}).properties == {}


@pytest.mark.parametrize("sent", ["friend@example.com", 5])
def test_another_email_is_a_property(sent: Any):
    assert canonical("generic", {"event_name": "invited", "email": sent}).properties == {"email": str(sent)}


# Attributes of a user


@pytest.mark.parametrize("kind", ["update", "saved"])
def test_attributes_stay_together_whatever_their_names(kind: str):
    attributes = {"country": "RO", "value": 5, "url": "https://ann.example.com", "orderId": 7, "session_id": "x"}
    event = saved({"_id": "u1"} | attributes) if kind == "saved" else canonical(kind, attributes)
    assert event.properties == {name: str(sent) for name, sent in attributes.items()}
    assert (event.country, event.value, event.url, event.order_id, event.session_id) == ("", None, "", "", "")


def test_an_attribute_properties_is_one_attribute():
    assert json.loads(saved({"_id": "u1", "properties": {"a": 1}}).properties["properties"]) == {"a": 1}


def test_a_login_is_an_event_with_columns():
    event = canonical("login", {"session_id": "s1", "firstname": "ann"})
    assert (event.session_id, event.properties) == ("s1", {"firstname": "ann"})


def test_the_names_of_a_saved_user_are_no_properties():
    event = saved({"_id": "u1", "email": "ANN@example.com", "firstname": "ann"})
    assert (event.user_id, event.properties) == ("u1", {"firstname": "ann"})


def test_an_integer_id_of_a_saved_user_is_no_property():
    assert saved({"_id": 7}, Context(user_id="7")).properties == {}


def test_a_further_id_of_a_saved_user_is_a_property():
    assert saved({"_id": "u9", "email": "ann@example.com"}).properties == {"_id": "u9"}


def test_a_saved_users_timestamp_is_an_attribute():
    event = saved({"_id": "u1", "timestamp": 1000})
    assert (event.timestamp, event.properties) == (NOW, {"timestamp": "1000"})


def test_a_removed_attribute_is_no_property():
    assert canonical("update", {"firstname": None, "lastname": "b"}).properties == {"lastname": "b"}
