from __future__ import annotations

import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.errors import Malformed
from sluice.gateway import json_text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=30,
)
TRICKY = st.text(alphabet='"\\[]{}ab\n', max_size=12)
TRICKY_VALUES = st.recursive(
    TRICKY, lambda children: st.lists(children, max_size=3) | st.dictionaries(TRICKY, children, max_size=3)
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(JSON_VALUES | TRICKY_VALUES, st.integers(0, 12))
def test_the_depth_check_is_exact(value, levels):
    text = json.dumps(value).encode()
    assert json_text.deeper_than(text, levels) == (depth(value) > levels)


@given(st.integers(2, 130), st.integers(1, 40), st.booleans())
def test_the_depth_check_is_exact_beyond_the_rounds_of_peeling(deep, wide, flat_after):
    text = b"[" + b",".join([b"[" * (deep - 1) + b"]" * (deep - 1)] * wide) + (b",[]]" if flat_after else b"]")
    real = depth(json.loads(text))
    for levels in (real - 1, real, 100):
        assert json_text.deeper_than(text, levels) == (real > levels)


@given(st.lists(TRICKY_VALUES, max_size=6), TRICKY_VALUES)
def test_looking_at_elements_one_by_one_gives_the_same_answer(elements, extra):
    deep = json.dumps(extra).encode()
    for _ in range(json_text.MAX_LEVELS - 1 - depth(extra) + len(elements) % 3):
        deep = b"[" + deep + b"]"
    texts = [json.dumps(element).encode() for element in elements]
    body = b'{"events":[' + b",".join([*texts, deep]) + b'],"x":' + json.dumps(extra).encode() + b"}"
    assert refuses(json_text.refuse_deep_list, body, [*texts, deep]) == refuses(json_text.refuse_deep, body)
    outside = b'{"events":[' + b",".join(texts) + b'],"x":' + deep + b"}"
    assert refuses(json_text.refuse_deep_list, outside, texts) == refuses(json_text.refuse_deep, outside)


def refuses(check, *arguments) -> bool:
    try:
        check(*arguments)
    except Malformed:
        return True
    return False


@pytest.mark.parametrize(
    "attack",
    [
        b"[" + b",".join([b"[" * 99 + b"]" * 99] * 52_000) + b"]",
        b"[" + b",".join([b"[]"] * 3_400_000) + b"]",
        b"[" + b'"",' * 3_400_000 + b"[" * 99 + b"]" * 100,
        b"[" + b'"[",' * 2_600_000 + b"[" * 99 + b"]" * 100,
        b"[" + b'"\\"[",' * 1_700_000 + b"[" * 99 + b"]" * 100,
    ],
    ids=["deep", "wide", "empty strings", "brackets in strings", "escapes"],
)
def test_no_body_of_10_mib_keeps_the_depth_check_busy(attack):
    started = time.process_time()
    assert not json_text.deeper_than(attack, 100)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\n"}',
        b'{"a":"\x00"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\x41"}',
        b'{"a":1,}',
        b'{"a":\xff}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xed\xa0\x80"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_not_strict_json_is_refused(text):
    with pytest.raises(Malformed):
        json_text.decode(text, msgspec.json.Decoder(msgspec.Raw))


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b" \r\n\t{} \r\n\t",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1e999}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud83d\\ude00"}',
        '{"a":"é"}'.encode(),
        b'{"a":1,"a":2}',
    ],
)
def test_what_is_strict_json_passes(text):
    json_text.decode(text, msgspec.json.Decoder(msgspec.Raw))
    json_text.refuse_bad_syntax(text)


def test_a_wrong_shape_is_told_from_wrong_syntax_behind_it():
    decoder = msgspec.json.Decoder(list[int])
    with pytest.raises(msgspec.ValidationError):
        json_text.decode(b'["a"]', decoder)
    with pytest.raises(Malformed):
        json_text.decode(b'["a"', decoder)


def test_exactly_100_levels_pass_and_101_do_not():
    json_text.refuse_deep(b"[" * 100 + b"]" * 100)
    with pytest.raises(Malformed):
        json_text.refuse_deep(b"[" * 101 + b"]" * 101)
    json_text.refuse_deep(b'["' + b"[" * 1000 + b'"]')
