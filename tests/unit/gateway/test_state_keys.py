"""Two events that share a state key get the same routing key, whatever form they were sent in."""

from __future__ import annotations

import json

import pytest

from sluice.gateway.dialects.state_keys import StateKeys


def key(event_type: str, event: dict[str, object] | bytes, *, user_id=None, dedup_id=None) -> str | None:
    sent = event if isinstance(event, bytes) else json.dumps(event).encode()
    return StateKeys("demo", dedup_id).of(event_type, user_id, sent)


@pytest.mark.parametrize(
    "event",
    [
        {"orderId": "7"},
        {"order_id": "7"},
        {"orderId": 7},
        {"properties": {"orderId": "7"}},
        {"properties": {"order_id": 7}},
        {"orderId": None, "order_id": "7"},
        {"orderId": "", "properties": {"orderId": "7"}},
        {"orderId": ["x"], "properties": {"orderId": "7"}},
        {"orderId": 1.5, "order_id": True, "properties": {"orderId": "7"}},
        {"orderId": "7", "properties": {"orderId": "8"}},
        {"orderId": "7", "properties": "none"},
    ],
)
def test_a_confirmation_goes_by_its_order(event):
    assert key("confirmation", event) == "demo/order/7"


@pytest.mark.parametrize("event", [{}, {"orderId": ""}, {"orderId": {}}, {"properties": []}, {"properties": None}])
def test_a_confirmation_without_an_order_goes_by_the_idempotency_key(event):
    assert key("confirmation", event) is None
    assert key("confirmation", event, dedup_id="k") == "demo/id/k"


def test_an_order_number_beyond_64_bits_keeps_its_digits():
    assert key("confirmation", b'{"orderId":' + b"9" * 256 + b"}") == "demo/order/" + "9" * 256


@pytest.mark.parametrize("too_long", [b"9" * 257, b'"' + b"x" * 257 + b'"', b'"' + b"x" * 7_000_000 + b'"'])
def test_an_order_of_more_than_256_characters_is_no_key(too_long: bytes):
    assert key("confirmation", b'{"orderId":' + too_long + b"}") is None
    assert key("confirmation", b'{"orderId":' + too_long + b',"order_id":"A"}') == "demo/order/A"


def test_a_reader_of_more_than_256_characters_is_no_key():
    assert key("email_open", {"email": "x" * 251 + "@b.com", "anonymous_id": "a"}) == "demo/user/a"


@pytest.mark.parametrize(
    ("event", "user_id", "who"),
    [
        ({}, "u1", "u1"),
        ({"email": "a@b.c", "anonymous_id": "x"}, "u1", "u1"),
        ({"email": " A@B.c "}, None, "a@b.c"),
        ({"email": "a@b.c"}, "", "a@b.c"),
        ({"properties": {"email": "A@b.c"}, "anonymous_id": "x"}, None, "a@b.c"),
        ({"email": " ", "anonymous_id": "x"}, None, "x"),
        ({"email": 5, "properties": {"anonymous_id": "x"}}, None, "x"),
    ],
)
def test_an_email_open_goes_by_user_else_email_else_anonymous_id(event, user_id, who):
    assert key("email_open", event, user_id=user_id) == f"demo/user/{who}"


def test_an_email_open_without_any_of_them_goes_by_the_idempotency_key():
    assert key("email_open", {}, dedup_id="k") == "demo/id/k"
    assert key("email_open", {}) is None


def test_any_other_event_goes_by_the_idempotency_key():
    assert key("purchase", {"orderId": "7"}, dedup_id="k") == "demo/id/k"
    assert key("purchase", {"orderId": "7"}) is None


def test_an_event_that_is_deduplicated_by_user_goes_to_its_user():
    keys = StateKeys("shop", "k-1")
    assert keys.of("page_view", "u1", b"{}", by_user=True) == "shop/user/u1"
    assert keys.of("page_view", "u1", b"{}") == "shop/id/k-1"


def test_an_order_goes_before_a_user():
    keys = StateKeys("shop", None)
    assert keys.of("confirmation", "u1", b'{"orderId":7}', by_user=True) == "shop/order/7"
    assert keys.of("confirmation", "u1", b"{}", by_user=True) == "shop/user/u1"


def test_minus_nothing_is_no_other_order():
    keys = StateKeys("shop", None)
    assert keys.of("confirmation", None, b'{"orderId":-0}') == "shop/order/0"
    assert keys.of("confirmation", None, b'{"orderId":-1}') == "shop/order/-1"
