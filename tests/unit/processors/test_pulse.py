"""How an event of API `pulse` becomes the canonical event."""

from __future__ import annotations

from typing import Any

import pytest
from tests.factories import NOW, pulse_event, raw_line

from sluice.processors.rules.canonical import pulse
from sluice.processors.rules.canonical.visitor import Visitors

VISITORS = Visitors(b"secret")


def canonical(**changes: Any):
    return pulse.canonical(raw_line(pulse_event(**changes)), VISITORS)


def test_the_documents_fields_become_columns():
    event = canonical(
        user_id="user_123",
        url="https://example.com/products",
        referrer="https://google.com",
        country="US",
        device_type="desktop",
    )
    assert (event.site_id, event.event_type, event.session_id) == ("site_abc123", "page_view", "session_1")
    assert (event.user_id, event.url, event.referrer) == (
        "user_123",
        "https://example.com/products",
        "https://google.com",
    )
    assert (event.country, event.device_type, event.timestamp) == ("US", "desktop", NOW - 1000)
    assert event.properties == {}


def test_a_country_in_lower_case_is_stored_in_upper_case():
    assert canonical(country="de").country == "DE"


def test_a_null_member_is_absent():
    event = canonical(user_id=None, url=None, extra=None)
    assert (event.user_id, event.url, event.properties) == ("", "", {})


def test_a_fraction_of_a_millisecond_is_cut_off():
    assert canonical(timestamp=NOW + 0.9).timestamp == NOW


def test_fields_of_the_customers_own_become_properties():
    event = canonical(plan="gold", seats=3, tags=["a", {"b": None}], ok=True)
    assert event.properties == {"plan": "gold", "seats": "3", "tags": '["a", {"b": null}]', "ok": "true"}


def test_members_of_properties_win_over_fields_of_the_same_name():
    assert canonical(plan="gold", properties={"plan": "free", "n": 1}).properties == {"plan": "free", "n": "1"}


@pytest.mark.parametrize("properties", [[1, 2], "text", 7])
def test_properties_that_are_no_object_are_kept_as_text(properties: Any):
    assert set(canonical(properties=properties).properties) == {"properties"}


@pytest.mark.parametrize("number", ["9" * 400, "1e999", "-0.000", "18446744073709551616"])
def test_a_number_that_no_parser_holds_is_kept_as_it_was_written(number: str):
    line = raw_line(b'{"site_id":"s","event_type":"e","timestamp":1,"session_id":"x","n":%s}' % number.encode())
    assert pulse.canonical(line, VISITORS).properties == {"n": number}


def test_an_escaped_nul_stays_a_nul():
    assert canonical(note="a\0b").properties == {"note": "a\0b"}


@pytest.mark.parametrize(
    "event",
    [
        {"orderId": "A-17"},
        {"order_id": "A-17"},
        {"properties": {"orderId": "A-17"}},
        {"properties": {"order_id": "A-17"}},
    ],
)
def test_an_order_is_found_in_the_event_or_its_properties(event: dict[str, Any]):
    assert canonical(**event).order_id == "A-17"


def test_an_integer_order_is_compared_as_its_text():
    assert canonical(orderId=17).order_id == "17"


@pytest.mark.parametrize("unusable", [None, "", {}, [], 1.5, True])
def test_an_order_that_cannot_be_used_is_passed_over_for_the_next_one(unusable: Any):
    assert canonical(orderId=unusable, properties={"orderId": "A-17"}).order_id == "A-17"
    assert canonical(orderId=unusable).order_id == ""


def test_an_order_is_found_under_a_name_in_escapes():
    line = raw_line(b'{"site_id":"s","event_type":"e","timestamp":1,"session_id":"x","\\u006frderId":"A-17"}')
    assert pulse.canonical(line, VISITORS).order_id == "A-17"


def test_the_same_user_of_one_project_has_one_visitor_id_and_of_two_projects_two():
    ids = [
        pulse.canonical(raw_line(pulse_event(user_id="u"), project=project), VISITORS).visitor_id
        for project in ("demo", "demo", "shop")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_visitor_id_tells_nothing_without_the_secret():
    line = raw_line(pulse_event(user_id="u"))
    assert pulse.canonical(line, VISITORS).visitor_id != pulse.canonical(line, Visitors(b"other")).visitor_id


def test_without_user_and_anonymous_id_the_visitor_is_unknown():
    assert canonical().visitor_id == 0
    assert canonical(anonymous_id="a").visitor_id != 0
