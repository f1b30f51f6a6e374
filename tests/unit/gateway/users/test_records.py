from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.gateway.users.port import Identifier, Known
from sluice.gateway.users.records import Change, Foreign, change_of, key_of, known_of, value_of

ANN = b'{"user_id":"u1","email":"ann@example.com"}'

projects = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)
identifiers = st.builds(Identifier, projects, st.sampled_from(["email", "id"]), texts)


def test_a_record_is_readable_with_any_kafka_tool():
    assert key_of(Identifier("shop", "email", "ann@example.com")) == "shop/email/ann@example.com"
    assert value_of(Known("u1", "ann@example.com")) == ANN


@given(identifiers, st.builds(Known, texts, st.just("") | texts))
def test_what_is_written_is_read_back(identifier: Identifier, known: Known):
    change = change_of(key_of(identifier).encode(), value_of(known))
    assert change.key == key_of(identifier).encode()
    assert change.value is not None
    assert known_of(change.value) == known


@given(identifiers, identifiers)
def test_two_identifiers_never_have_the_same_key(one: Identifier, other: Identifier):
    assert (key_of(one) == key_of(other)) == (one == other)


def test_a_record_without_a_value_forgets():
    assert change_of(b"shop/id/1", None) == Change(b"shop/id/1", None)


def test_members_that_a_newer_gateway_writes_are_left_alone():
    assert known_of(b'{"user_id":"u1","email":"","phone":"+49"}') == Known("u1")
    change_of(b"shop/id/1", b'{"user_id":"u1","email":"","phone":"+49"}')


@pytest.mark.parametrize(
    "key",
    [b"", b"shop", b"shop/id", b"shop/id/", b"/id/1", b"shop//1", b"shop/phone/1", b"shop/ID/1", b"shop/id/\xff"],
)
def test_a_foreign_key_is_refused(key: bytes):
    with pytest.raises(Foreign, match="its key is not <project>/<kind>/<value>"):
        change_of(key, ANN)


def test_a_record_without_a_key_is_refused():
    with pytest.raises(Foreign, match="it has no key"):
        change_of(None, ANN)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"not JSON",
        b"[]",
        b'"u1"',
        b"{}",
        b'{"user_id":"u1"}',
        b'{"email":"a"}',
        b'{"user_id":"","email":"a"}',
        b'{"user_id":1,"email":"a"}',
        b'{"user_id":"u1","email":null}',
        b'{"user_id":"\xff","email":""}',
        ANN + b"x",
    ],
)
def test_a_foreign_value_is_refused(value: bytes):
    with pytest.raises(Foreign, match="its value is not a user"):
        change_of(b"shop/id/1", value)
