from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import ndjson

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


def test_every_record_gives_at_least_one_line():
    assert ndjson.split(b"") == [b""]
    assert ndjson.split(b"\n") == [b""]
    assert ndjson.join([]) == b""
