"""How an event of API `client` becomes the canonical event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.factories import NOW, raw_line

from sluice.contract.event import Api
from sluice.contract.raw import Context
from sluice.processors.rules.canonical import CANONICALISERS
from sluice.processors.rules.canonical.client import canonical
from sluice.processors.rules.canonical.visitor import Visitors

VISITORS = Visitors(b"secret")


def sent(metric: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    relation = {"data": {"type": "metric", "attributes": metric or {"name": "Viewed Product"}}}
    return {"type": "event", "attributes": {"metric": relation, **attributes}}


def read(event: dict[str, Any] | bytes, **changes: Any):
    return canonical(raw_line(event, api=Api.CLIENT, **changes), VISITORS)


def test_the_documents_attributes_become_columns():
    event = read(
        sent(
            {"name": "Placed Order"},
            time="2026-11-18T07:26:40.5+00:00",
            value=9.99,
            value_currency="USD",
        )
    )
    assert (event.event_type, event.timestamp) == ("Placed Order", 1_794_986_800_500)
    assert (event.value, event.currency, event.properties) == (9.99, "USD", {})


def test_an_event_without_a_time_happened_when_it_was_received():
    assert read(sent()).timestamp == read(sent(time=None)).timestamp == NOW


def test_the_user_is_whom_the_gateway_found():
    event = read(sent(), context=Context(user_id="u1", email="a@b.c", anonymous_id="a1"))
    assert (event.user_id, event.anonymous_id) == ("u1", "a1")
    assert event.visitor_id == VISITORS.visitor_id("demo", "u1", "a1")


def test_a_currency_in_lower_case_is_stored_in_upper_case():
    assert read(sent(value_currency="eur")).currency == "EUR"


def test_null_attributes_are_absent():
    event = read(sent(value=None, value_currency=None, unique_id=None, properties=None, extra=None))
    assert (event.value, event.currency, event.properties) == (None, "", {})


def test_properties_are_kept_as_text():
    properties = {"Brand": "Kids Book", "ProductID": 1111, "tags": ["a", {"b": None}], "sale": True, "none": None}
    assert read(sent(properties=properties)).properties == {
        "Brand": "Kids Book",
        "ProductID": "1111",
        "tags": '["a", {"b": null}]',
        "sale": "true",
    }


def test_unique_id_service_and_unknown_attributes_are_properties():
    event = read(sent({"name": "Viewed Product", "service": "api"}, unique_id="x-1", backfill=True))
    assert event.properties == {"service": "api", "unique_id": "x-1", "backfill": "true"}


def test_what_the_document_has_no_attribute_for_may_be_a_property():
    event = read(sent(properties={"value": 5, "currency": "EUR", "anonymous_id": "a2"}))
    assert (event.value, event.currency, event.anonymous_id) == (5, "EUR", "a2")


def test_the_documents_attributes_and_the_profile_go_before_properties():
    properties = {"value": 5, "currency": "EUR", "anonymous_id": "a2"}
    event = read(
        sent(value=9.99, value_currency="USD", properties=properties),
        context=Context(user_id="u1", anonymous_id="a1"),
    )
    assert (event.value, event.currency, event.anonymous_id) == (9.99, "USD", "a1")


def test_a_property_wins_over_an_attribute_of_its_name():
    assert read(sent(unique_id="x-1", properties={"unique_id": "y"})).properties == {"unique_id": "y"}


def test_columns_are_found_in_properties_by_their_usual_names_and_stay_there():
    properties = {
        "URL": "https://example.com/p",
        "page_title": "P",
        "referrer": "https://google.com",
        "utm_source": "a",
        "utmMedium": "b",
        "utm_campaign": "c",
        "country": "de",
        "device_type": "mobile",
        "browser": "Firefox",
        "os": "Linux",
        "session_id": "s1",
        "site_id": 7,
    }
    event = read(sent(properties=properties))
    assert (event.url, event.page_title, event.referrer) == ("https://example.com/p", "P", "https://google.com")
    assert (event.utm_source, event.utm_medium, event.utm_campaign) == ("a", "b", "c")
    assert (event.country, event.device_type, event.browser, event.os) == ("DE", "mobile", "Firefox", "Linux")
    assert (event.session_id, event.site_id) == ("s1", "7")
    assert event.properties == properties | {"site_id": "7"}


@pytest.mark.parametrize(
    ("name", "foreign"),
    [("country", "Germany"), ("device_type", "fridge"), ("url", 7), ("session_id", ""), ("site_id", {})],
)
def test_a_property_that_no_column_is_for_is_only_a_property(name: str, foreign: Any):
    event = read(sent(properties={name: foreign}))
    assert getattr(event, name) == ""


@pytest.mark.parametrize(
    "attributes", [{"orderId": "A-17"}, {"properties": {"order_id": "A-17"}}, {"properties": {"orderId": "A-17"}}]
)
def test_an_order_is_found_among_the_attributes_or_in_properties(attributes: dict[str, Any]):
    assert read(sent(**attributes)).order_id == "A-17"


@pytest.mark.parametrize("number", ["9" * 400, "1e999", "-0.000"])
def test_a_number_that_no_parser_holds_is_kept_as_it_was_written(number: str):
    event = json.dumps(sent(properties={"n": "@"})).replace('"@"', number).encode()
    assert read(event).properties == {"n": number}


def test_names_in_escapes_are_read_alike():
    event = json.dumps(sent(value=1.5)).replace("attributes", "\\u0061ttributes").replace("value", "v\\u0061lue")
    assert read(event.encode()).value == 1.5


def test_the_processors_know_the_api():
    assert CANONICALISERS[Api.CLIENT] is canonical
