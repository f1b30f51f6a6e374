"""Reading of a body what a model looks at, however the body is shaped."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import BaseModel, ConfigDict, Field

from sluice.contract.errors import Malformed
from sluice.gateway import json_text
from sluice.gateway.dialects.client.known_members import KnownMembers


class Leaf(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    nick: str | None = Field(None, alias="_nick")


class Free(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: Raw | None = None


class Tree(BaseModel):
    kind: Literal["tree"]
    leaf: Leaf | None = None
    leaves: Annotated[list[Leaf], Field(min_length=1)]
    free: Free
    size: float | None = None


TREE = KnownMembers(Tree)
LEAF_AS_TEXT = KnownMembers(Tree, as_text=frozenset({Leaf}))


def read(value: Any) -> Any:
    return TREE.read(Raw(json.dumps(value).encode()))


def test_members_of_the_model_are_read_and_others_skipped():
    sent = {"kind": "tree", "leaf": {"name": "a", "_nick": "b", "x": 1}, "size": 2, "z": 3}
    assert read(sent) == {"kind": "tree", "leaf": {"name": "a", "_nick": "b"}, "size": 2}


@pytest.mark.parametrize("other", [None, True, 1, 1.5, "x", [], [1, {"a": []}]])
def test_what_is_no_object_where_one_should_be_is_a_plain_value_or_an_empty_list(other: Any):
    plain = [] if isinstance(other, list) else other
    assert read(other) == plain
    assert read({"leaf": other, "size": 1}) == {"leaf": plain, "size": 1}


@pytest.mark.parametrize("other", [[], [1], {}, {"a": [1]}])
def test_a_list_or_object_where_a_plain_value_should_be_is_an_empty_list(other: Any):
    assert read({"kind": other, "leaf": {"name": other}}) == {"kind": [], "leaf": {"name": []}}


@pytest.mark.parametrize("text", [b'{"n": 1e999}', b"null", b"[1, 2]", b'"x"'])
def test_lists_and_raw_members_stay_text(text: bytes):
    texts = TREE.read(Raw(b'{"free":{"text":' + text + b'},"leaves":' + text + b"}"))
    assert (bytes(texts["free"]["text"]), bytes(texts["leaves"])) == (text, text)


def test_models_stay_text_where_that_is_asked_for():
    assert bytes(LEAF_AS_TEXT.read(Raw(b'{"leaf": {"name":1.50}}'))["leaf"]) == b'{"name":1.50}'


@pytest.mark.parametrize(("number", "read_as"), [(b"1e999", math.inf), (b"-" + b"9" * 5000, -math.inf)])
def test_a_number_that_no_parser_holds_is_infinite_in_a_known_member_and_skipped_in_others(
    number: bytes, read_as: float
):
    for wrong in (b"", b'"kind":[],'):  # read at once, and one by one
        text = b"{" + wrong + b'"x":' + number + b',"size":' + number + b',"leaf":' + number + b"}"
        read = TREE.read(Raw(text))
        assert (read["size"], read["leaf"]) == (read_as, read_as)


@pytest.mark.parametrize("first", [b"[[]]", b"{}", b"1e999", b"null"])
def test_of_members_with_the_same_name_the_last_is_read(first: bytes):
    text = b'{"kind":' + first + b',"leaf":' + first + b',"leaf":{"name":"a"},"kind":"tree"}'
    assert TREE.read(Raw(text)) == {"kind": "tree", "leaf": {"name": "a"}}


@pytest.mark.parametrize("body", [b' {"kind":"tree"}\n', b'\t{"kind":"tree","leaf":1} '])
def test_a_body_may_have_white_space_around_it(body: bytes):
    assert TREE.read_body(body)["kind"] == "tree"
    assert TREE.read_body(b" [1] ") == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"kind":"\xff"}', b'{"x":NaN}', b'{"x":' + b"[" * 100 + b"]" * 100 + b"}"]
)
def test_a_body_that_is_no_strict_json_or_too_deep_is_malformed(body: bytes):
    with pytest.raises(Malformed):
        TREE.read_body(body)


THREE = json_text.Elements(3)
LONG = json.dumps("x" * 20_000).encode()


@pytest.mark.parametrize("element", [b"1", b'{"a": [1]}', LONG])
@pytest.mark.parametrize(("sent", "given"), [(0, 0), (1, 1), (3, 3), (4, 4), (5, 4), (1000, 4)])
def test_elements_stay_text_and_one_too_many_is_given(element: bytes, sent: int, given: int):
    elements = THREE.read(Raw(b"[ " + b" , ".join([element] * sent) + b" ]"))
    assert elements is not None
    assert [bytes(found) for found in elements] == [element] * given


@pytest.mark.parametrize("text", [b"null", b"1", b'"x"', b"{}", b'{"a":[]}', LONG, b'{"a":' + LONG + b"}"])
def test_what_is_no_array_has_no_elements(text: bytes):
    assert THREE.read(Raw(text)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "leaf", "leaves", "name", "x"]), inner),
    max_leaves=20,
)


@given(JSON)
def test_no_shape_surprises_it(value: Any):
    read(value)
