"""Whether a rejected event without a visitor was of a person."""

from __future__ import annotations

import pytest

from sluice.cli.forgetting.mentions import mentions

NAMES = {"u-1", "ann@example.com", "42"}


@pytest.mark.parametrize(
    "text",
    [
        '{"user_id":"u-1"}',
        '{"userId":42}',
        '{"user":{"email":" Ann@Example.com"}}',
        '{"event":[{"attributes":{"profile":{"anonymous_id":"u-1"}}}]}',
        '{"context":{"user_id":"u-1"}}',
        '{"user_id":"\\u0075-1"}',
        '{"email":null,"user":{"_id":"u-1"}}',
        '{"id":{"user_id":"u-1"}}',
        '{"email":["other@example.com"," Ann@example.com"]}',
        '{"userId":[[7,42]]}',
        '{"id":[{"user_id":"u-1"}]}',
        "no JSON, but of ann@example.com",
    ],
)
def test_it_is_where_a_member_that_names_users_names_this_one(text: str):
    assert mentions(["", text], NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"user_id":"u-10"}',
        '{"quantity":42}',
        '{"title":"u-1"}',
        '{"user_id":true}',
        '{"user_id":[true,{"title":"u-1"}]}',
        '{"titles":["u-1"]}',
        "no JSON, with u-1 in it, which is too short a name",
        "[" * 200_000,
    ],
)
def test_it_is_not_where_the_name_stands_for_something_else(text: str):
    assert not mentions([text], NAMES)
