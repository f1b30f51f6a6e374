from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import raw_line

from sluice.contract import raw
from sluice.contract.errors import Malformed
from sluice.contract.event import LATEST_MS, Api
from sluice.contract.ndjson import MAX_LINES

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_no_record_of_a_gateway_has_more_lines_than_a_record_may_have():
    smallest = raw_line(
        b"0", request_id="", project="", received_at=0, client=raw.Client(), id="00000000-0000-7000-8000-000000000000"
    )
    assert raw.RECORD_BYTES // (len(raw.encode(smallest)) + 1) < MAX_LINES / 1.5


def test_several_lines_are_no_raw_line():
    line = raw.encode(raw_line())
    for text in (line + b"\n", b"\n" + line, line.replace(b",", b",\n")):
        with pytest.raises(Malformed, match="not a raw line: its record has more than 10,000 lines"):
            raw.decode(text)


@given(
    st.uuids().map(str),
    TEXT,
    st.none() | TEXT,
    st.none() | TEXT,
    st.integers(0, 1000),
    st.sampled_from(Api),
    st.integers(0, LATEST_MS),
)
def test_decode_is_the_inverse_of_encode(identifier, project, key, idempotency_key, index, api, received_at):
    line = raw_line(
        id=identifier,
        project=project,
        key=key,
        idempotency_key=idempotency_key,
        index=index,
        api=api,
        received_at=received_at,
    )
    text = raw.encode(line)
    assert raw.decode(text) == line
    assert b"\n" not in text


@pytest.mark.parametrize(
    "event",
    [
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a": 1.50, "a":1e999}',
        b'{"\\u0000":"\\u0000"}',
        '{"é":"\U0001f600"}'.encode(),
        b"[" * 90 + b"]" * 90,
    ],
    ids=["5000 digits", "odd numbers", "NUL", "not ASCII", "deep"],
)
def test_the_event_keeps_every_byte(event):
    assert bytes(raw.decode(raw.encode(raw_line(event))).event) == event


def test_a_line_is_plain_json_that_any_tool_reads():
    line = json.loads(raw.encode(raw_line(b'{"a":1}', key="demo/id/1", client=raw.Client("192.0.2.1", "curl"))))
    assert line["event"] == {"a": 1}
    assert line["client"] == {"ip": "192.0.2.1", "user_agent": "curl"}
    assert (line["key"], line["idempotency_key"], line["context"], line["replay"]) == ("demo/id/1", None, {}, 0)


def test_refusals_stand_only_in_a_line_that_has_some():
    """So the bytes of all others are what they were before lines could have any."""
    assert b"refusals" not in raw.encode(raw_line(replay=1))
    refused = raw_line(replay=1, refusals=2)
    assert json.loads(raw.encode(refused))["refusals"] == 2
    assert raw.decode(raw.encode(refused)) == refused


@pytest.mark.parametrize("wrong", [b"-1", b"65536", b"1.5", b'"1"', b"null"])
def test_refusals_that_are_no_count_are_malformed(wrong: bytes):
    text = raw.encode(raw_line(replay=1, refusals=2))
    with pytest.raises(Malformed, match="refusals"):
        raw.decode(text.replace(b'"refusals":2', b'"refusals":' + wrong))


def test_fields_of_a_later_version_are_ignored():
    text = raw.encode(raw_line())
    assert raw.decode(text[:-1] + b',"later":1}') == raw.decode(text)


def test_what_may_be_left_out_has_its_default():
    line = json.loads(raw.encode(raw_line()))
    del line["context"], line["replay"]
    assert raw.decode(json.dumps(line).encode()) == raw_line()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"not json",
        b"\xff",
        b"[" * 100_000,
        raw.encode(raw_line())[:-1],
        raw.encode(raw_line()) + b"x",
    ],
    ids=["nothing", "no fields", "array", "null", "no JSON", "no UTF-8", "deep", "cut", "trailing"],
)
def test_what_is_no_raw_line_is_malformed(text):
    with pytest.raises(Malformed):
        raw.decode(text)


@pytest.mark.parametrize(
    "field", ["id", "request_id", "index", "project", "api", "received_at", "key", "client", "event"]
)
def test_a_line_that_lacks_a_field_is_malformed(field):
    line = json.loads(raw.encode(raw_line()))
    del line[field]
    with pytest.raises(Malformed, match=field):
        raw.decode(json.dumps(line).encode())


def test_an_unknown_api_is_malformed():
    with pytest.raises(Malformed):
        raw.decode(raw.encode(raw_line()).replace(b'"api":"pulse"', b'"api":"other"'))


def test_the_default_context_is_an_empty_object():
    assert raw.encode(raw_line()).count(b'"context":{}') == 1


def test_what_the_request_says_beside_an_event_keeps_every_byte():
    sent = msgspec.Raw(b'{"a": 1.50}')
    decoded = raw.decode(raw.encode(raw_line(context=raw.Context(header=sent, profile=sent)))).context
    assert (decoded.header, decoded.profile) == (sent, sent)


def test_a_context_without_header_and_profile_has_neither_after_decoding():
    context = raw.Context(user_id="u1")
    assert raw.decode(raw.encode(raw_line(context=context))).context == context
