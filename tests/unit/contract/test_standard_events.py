"""How a body of API 5 is taken apart."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sluice.contract.standard_events import STANDARD_EVENTS, kinds_of, members_of, read

USER = '{"email":"a@example.com"}'


def taken_apart(event: str) -> tuple[str, str, str]:
    kind, event_type, members = read(f'{{"user":{USER},"event":{event}}}'.encode())
    return kind, event_type, bytes(members).decode()


@pytest.mark.parametrize("kind", [name for name in STANDARD_EVENTS if name != "generic"])
def test_an_events_type_is_its_kind(kind: str):
    assert taken_apart(f'{{"{kind}":{{"a": 1}}}}') == (kind, kind, '{"a": 1}')


@pytest.mark.parametrize(
    "event",
    [
        '{"generic":{"event_name":"signed","n":1}}',
        '{"generic":{"generic":{"event_name":"signed","n":1}}}',
        '{"generic":{"generic":{"event_name":"signed","n":1},"event_name":null,"beside":2}}',
    ],
)
def test_a_generic_event_names_itself_in_the_inner_object_or_in_the_only_one(event: str):
    assert taken_apart(event) == ("generic", "signed", '{"event_name":"signed","n":1}')


@pytest.mark.parametrize(
    "members",
    ['{"event_name":"signed","generic":{"event_name":"inner"}}', '{"event_name":"signed","generic":7}'],
)
def test_a_generic_event_with_a_name_may_have_a_member_generic(members: str):
    assert taken_apart(f'{{"generic":{members}}}') == ("generic", "signed", members)


def test_a_member_generic_of_another_event_is_a_member_like_any_other():
    members = '{"generic":{"event_name":"signed"}}'
    assert taken_apart(f'{{"search":{members}}}') == ("search", "search", members)


def test_a_member_that_is_null_is_absent():
    assert taken_apart('{"login":null,"logout":{},"unknown":null}') == ("logout", "logout", "{}")


@pytest.mark.parametrize(
    "body", ['{"user":%s}', '{"user":%s,"event":null}', '{"event":null,"x":{"event":{}},"user":%s}']
)
def test_a_body_without_an_event_is_a_saved_users(body: str):
    kind, event_type, members = read((body % USER).encode())
    assert (kind, event_type, bytes(members).decode()) == ("user_saved", "user_saved", USER)


def test_of_members_with_the_same_name_the_last_counts():
    twice = b'{"user":{},"event":{"login":{}},"event":{"search":{"a":1},"search":{"a":2}}}'
    assert read(twice) == ("search", "search", msgspec.Raw(b'{"a":2}'))


def test_names_in_escapes_are_the_same_names():
    escaped = b'{"user":{},"\\u0065vent":{"\\u0067eneric":{"\\u0065vent_name":"sign\\u0065d"}}}'
    assert read(escaped)[:2] == ("generic", "signed")


@pytest.mark.parametrize("event", [7, "login", [], True])
def test_an_event_that_is_no_object_has_no_kinds(event: Any):
    with pytest.raises(msgspec.ValidationError):
        kinds_of(msgspec.Raw(json.dumps(event).encode()))


@pytest.mark.parametrize("inner", ["null", "7", "[]", '"x"'])
def test_a_generic_event_without_a_name_is_its_outer_object(inner: str):
    outer = msgspec.Raw(f'{{"generic":{inner}}}'.encode())
    assert members_of("generic", outer) is outer
