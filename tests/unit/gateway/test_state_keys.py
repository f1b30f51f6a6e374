"""Two events that share a state key get the same routing key, whatever form they were sent in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sluice.contract.event import Api
from sluice.contract.first_wins import FirstWins
from sluice.contract.projects import Project
from sluice.gateway.dialects.state_keys import StateKeys

if TYPE_CHECKING:
    from collections.abc import Mapping


def keys(*rules: FirstWins, project="demo", dedup_id=None, api: Api = Api.PULSE) -> StateKeys:
    return StateKeys(api, project, Project(first_wins=rules), dedup_id)


def key(event_type: str, event: Mapping[str, object] | bytes, *, user_id=None, dedup_id=None) -> str | None:
    sent = event if isinstance(event, bytes) else json.dumps(event).encode()
    return keys(dedup_id=dedup_id).of(event_type, user_id, sent)


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
    assert key("email_open", {"email": "x" * 251 + "@b.com", "anonymous_id": "a"}) == "demo/anonymous/a"


@pytest.mark.parametrize(
    ("event", "user_id", "who"),
    [
        ({}, "u1", "user/u1"),
        ({"email": "a@b.c", "anonymous_id": "x"}, "u1", "user/u1"),
        ({"email": " A@B.c "}, None, "user/a@b.c"),
        ({"email": "a@b.c"}, "", "user/a@b.c"),
        ({"properties": {"email": "A@b.c"}, "anonymous_id": "x"}, None, "user/a@b.c"),
        ({"email": " ", "anonymous_id": "x"}, None, "anonymous/x"),
        ({"email": 5, "properties": {"anonymous_id": "x"}}, None, "anonymous/x"),
    ],
)
def test_an_email_open_goes_by_user_else_email_else_anonymous_id(event, user_id, who):
    assert key("email_open", event, user_id=user_id) == f"demo/{who}"


def test_an_anonymous_id_that_reads_like_anothers_user_id_or_address_is_another():
    for name in ("42", "a@b.c"):
        assert key("email_open", {"anonymous_id": name}) != key("email_open", {}, user_id=name)
    assert key("email_open", {"anonymous_id": "a@b.c"}) != key("email_open", {"email": "a@b.c"})


def test_an_address_and_a_user_id_that_is_this_address_are_the_same():
    assert key("email_open", {"email": "a@b.c"}) == key("email_open", {}, user_id="a@b.c")


def test_an_email_open_without_any_of_them_goes_by_the_idempotency_key():
    assert key("email_open", {}, dedup_id="k") == "demo/id/k"
    assert key("email_open", {}) is None


def test_any_other_event_goes_by_the_idempotency_key():
    assert key("purchase", {"orderId": "7"}, dedup_id="k") == "demo/id/k"
    assert key("purchase", {"orderId": "7"}) is None


def test_an_event_that_is_deduplicated_by_user_goes_to_its_user():
    shop = keys(project="shop", dedup_id="k-1")
    assert shop.of("page_view", "u1", b"{}", by_user=True) == "shop/user/u1"
    assert shop.of("page_view", "u1", b"{}") == "shop/id/k-1"


def test_an_anonymous_id_is_no_user_whom_an_event_changes():
    assert keys(dedup_id="k-1").of("update", None, b'{"anonymous_id":"x"}', by_user=True) == "demo/id/k-1"


def test_an_order_goes_before_a_user():
    shop = keys(project="shop")
    assert shop.of("confirmation", "u1", b'{"orderId":7}', by_user=True) == "shop/order/7"
    assert shop.of("confirmation", "u1", b"{}", by_user=True) == "shop/user/u1"


def test_minus_nothing_is_no_other_order():
    assert key("confirmation", b'{"orderId":-0}') == "demo/order/0"
    assert key("confirmation", b'{"orderId":-1}') == "demo/order/-1"


@pytest.mark.parametrize(
    ("length", "who"), [(256, "user/" + "u" * 256), (257, "anonymous/a1"), (2048, "anonymous/a1")]
)
def test_a_user_of_more_than_256_characters_is_no_key(length: int, who: str):
    assert key("email_open", {"anonymousId": "a1"}, user_id="u" * length) == f"demo/{who}"


def test_an_address_of_spaces_gives_way_to_the_one_in_the_properties():
    event = {"email": " ", "properties": {"email": "A@b.c"}, "anonymous_id": "x"}
    assert key("email_open", event) == "demo/user/a@b.c"


BY_COUPON = FirstWins(name="coupons", event_types=frozenset({"coupon_used"}), key="coupon")
BY_USER = FirstWins(name="searches", event_types=frozenset({"search"}), key="@user", window_s=60)


@pytest.mark.parametrize(
    "event",
    [
        {"coupon": "7"},
        {"coupon": 7},
        {"properties": {"coupon": "7"}},
        {"coupon": "", "properties": {"coupon": "7"}},
        {"coupon": None, "properties": {"coupon": 7}},
        {"coupon": "x" * 257, "properties": {"coupon": "7"}},
    ],
)
def test_an_event_under_a_projects_rule_goes_by_the_rules_key(event):
    assert keys(BY_COUPON).of("coupon_used", "u1", json.dumps(event).encode()) == "demo/rule/coupons/7"


@pytest.mark.parametrize(
    "event",
    [{}, {"coupon": ""}, {"coupon": None}, {"coupon": True}, {"coupon": 1.5}, {"coupon": ["7"]}, {"Coupon": "7"}],
)
def test_an_event_without_the_rules_key_goes_as_if_there_were_no_rule(event):
    sent = json.dumps(event).encode()
    assert keys(BY_COUPON).of("coupon_used", "u1", sent) is None
    assert keys(BY_COUPON, dedup_id="k").of("coupon_used", "u1", sent) == "demo/id/k"
    assert keys(BY_COUPON).of("coupon_used", "u1", sent, by_user=True) == "demo/user/u1"


def test_the_rules_key_goes_before_the_user_and_the_idempotency_key():
    sent = b'{"coupon":"7"}'
    assert keys(BY_COUPON, dedup_id="k").of("coupon_used", "u1", sent, by_user=True) == "demo/rule/coupons/7"


def test_a_rules_member_may_be_named_in_any_letters_and_escapes():
    rule = FirstWins(name="r", key='Größe "x"')
    for sent in ('{"Größe \\"x\\"":"L"}', '{"Gr\\u00f6\\u00dfe \\"x\\"":"L"}'):
        assert keys(rule).of("fitting", None, sent.encode()) == "demo/rule/r/L"


@pytest.mark.parametrize(
    ("event", "user_id", "who"),
    [
        ({}, "u1", "user/u1"),
        ({"email": " A@B.c"}, None, "user/a@b.c"),
        ({"anonymous_id": "x", "email": ""}, "", "anonymous/x"),
    ],
)
def test_a_rule_for_each_user_goes_by_user_else_email_else_anonymous_id(event, user_id, who):
    assert keys(BY_USER).of("search", user_id, json.dumps(event).encode()) == f"demo/{who}"


def test_a_rule_for_each_user_leaves_events_of_nobody_alone():
    assert keys(BY_USER).of("search", None, b"{}") is None
    assert keys(BY_USER).of("search", None, b'{"@user":"x"}') is None
    assert keys(BY_USER, dedup_id="k").of("search", "u" * 257, b"{}") == "demo/id/k"


@pytest.mark.parametrize("event_type", ["confirmation", "email_open"])
def test_no_rule_of_a_project_changes_the_two_that_are_built_in(event_type):
    rule = FirstWins(name="r", key="coupon")
    sent = b'{"coupon":"7","orderId":"A","email":"a@b.c"}'
    assert keys(rule).of(event_type, "u1", sent) == keys().of(event_type, "u1", sent)


def test_a_user_who_is_saved_comes_under_no_rule():
    rule = FirstWins(name="r", key="coupon")
    of_api_5 = keys(rule, api=Api.USER_EVENT)
    assert of_api_5.of("user_saved", "u1", b'{"coupon":"7"}', by_user=True) == "demo/user/u1"
    assert keys(rule).of("user_saved", "u1", b'{"coupon":"7"}') == "demo/rule/r/7"


def test_a_rule_for_another_api_does_not_count():
    rule = FirstWins(name="r", apis=frozenset({Api.INGEST}), key="coupon")
    assert keys(rule).of("x", None, b'{"coupon":"7"}') is None
    assert keys(rule, api=Api.INGEST).of("x", None, b'{"coupon":"7"}') == "demo/rule/r/7"


def test_only_events_under_a_rule_are_looked_into():
    """What is no JSON is never parsed, where no rule asks for it."""
    for other in ("page_view", "purchase"):
        assert keys(BY_COUPON, BY_USER, dedup_id="k").of(other, "u1", b"no JSON") == "demo/id/k"
        assert not keys(BY_COUPON, BY_USER).reads(other)
    for under_a_rule in ("confirmation", "email_open", "coupon_used", "search"):
        assert keys(BY_COUPON, BY_USER).reads(under_a_rule)
    assert not keys().reads("coupon_used")
