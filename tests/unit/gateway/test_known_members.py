"""Reading of a body what a model looks at, however the body is shaped."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from sluice.gateway.dialects.known_members import known_members


class Leaf(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    nick: str | None = Field(None, alias="_nick")


class Free(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: msgspec.Raw | None = None


class Tree(BaseModel):
    kind: Literal["tree"]
    leaf: Leaf | None = None
    leaves: Annotated[list[Leaf], Field(min_length=1)]
    free: Free
    anything: Any = None


WHOLE = msgspec.json.Decoder(known_members(Tree), float_hook=float)
LEAVES_AS_TEXT = msgspec.json.Decoder(known_members(Tree, as_text=frozenset({Leaf})))


def read(value: Any) -> Any:
    return WHOLE.decode(json.dumps(value))


def test_members_of_the_model_are_read_and_others_skipped():
    sent = {"kind": "tree", "leaf": {"name": "a", "_nick": "b", "x": 1}, "leaves": [{"name": "c", "y": 2}], "z": 3}
    assert read(sent) == {"kind": "tree", "leaf": {"name": "a", "_nick": "b"}, "leaves": [{"name": "c"}]}


@pytest.mark.parametrize("other", [None, True, 1, 1.5, "x", [], [1, {"a": []}]])
def test_what_is_no_object_where_one_should_be_is_read_as_it_is(other: Any):
    assert read(other) == other
    assert read({"leaf": other})["leaf"] == other
    assert read({"leaves": [other]})["leaves"] == [other]


@pytest.mark.parametrize("other", [None, True, 1, 1.5, "x", {}, {"a": [1]}])
def test_what_is_no_array_where_one_should_be_is_read_as_it_is(other: Any):
    assert read({"leaves": other})["leaves"] == other


def test_a_plain_member_may_hold_anything():
    assert read({"kind": {"a": [1]}, "anything": [{}]}) == {"kind": {"a": [1]}, "anything": [{}]}


def test_raw_members_stay_text():
    assert bytes(WHOLE.decode(b'{"free":{"text":{"n": 1e999}}}')["free"]["text"]) == b'{"n": 1e999}'


def test_models_stay_text_where_that_is_asked_for():
    read_as_text = LEAVES_AS_TEXT.decode(b'{"leaf": {"name":1.50},"leaves":[{"a": 1}, 2]}')
    assert bytes(read_as_text["leaf"]) == b'{"name":1.50}'
    assert [bytes(leaf) for leaf in read_as_text["leaves"]] == [b'{"a": 1}', b"2"]


def test_a_number_that_no_double_holds_is_infinite_in_a_plain_member_and_skipped_in_others():
    assert WHOLE.decode(b'{"anything":1e999,"x":' + b"9" * 5000 + b"}") == {"anything": float("inf")}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "leaf", "leaves", "name", "x"]), inner),
    max_leaves=20,
)


@given(JSON)
def test_no_shape_surprises_it(value: Any):
    read(value)
