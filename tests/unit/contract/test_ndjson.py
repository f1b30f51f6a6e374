from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import ndjson
from sluice.contract.ndjson import MAX_LINES
from sluice.contract.topics import MIB

texts = st.binary(max_size=40).map(ndjson.on_one_line)


@given(st.lists(texts, min_size=1))
def test_split_is_the_inverse_of_join(lines):
    assert ndjson.split(ndjson.join(lines)) == lines


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_json_text_on_one_line_means_the_same(value):
    text = json.dumps(value, indent=2).replace("\n", "\r\n").encode()
    line = ndjson.on_one_line(text)
    assert json.loads(line) == value
    assert len(line) == len(text)
    assert not {10, 13} & set(line)


def test_a_value_without_a_last_line_feed_has_its_rest_as_a_line():
    assert ndjson.split(b"a\nb") == [b"a", b"b"]


@pytest.mark.parametrize("last", [b"\n", b""], ids=["a last line feed", "no last line feed"])
def test_a_record_of_as_many_lines_as_it_may_have_keeps_them_all(last: bytes):
    lines = [b"%d" % number for number in range(MAX_LINES)]
    assert ndjson.split(b"\n".join(lines) + last) == lines


def test_what_comes_after_the_lines_that_a_record_may_have_is_one_with_the_last():
    lines = [b"%d" % number for number in range(MAX_LINES - 1)]
    assert ndjson.split(ndjson.join([*lines, b"a", b"b"])) == [*lines, b"a\nb"]


def test_a_record_of_line_feeds_alone_has_no_more_lines_than_others():
    lines = ndjson.split(b"\n" * MIB)
    assert len(lines) == MAX_LINES
    assert ndjson.join(lines) == b"\n" * MIB


def test_every_record_gives_at_least_one_line():
    assert ndjson.split(b"") == [b""]
    assert ndjson.split(b"\n") == [b""]
    assert ndjson.join([]) == b""
