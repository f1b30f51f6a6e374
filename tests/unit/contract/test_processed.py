from __future__ import annotations

import json
from uuid import UUID

import msgspec
import pytest
from tests.factories import processed_line

from sluice.contract import processed
from sluice.contract.errors import Malformed
from sluice.contract.event import Outcome, Stage


@pytest.mark.parametrize("outcome", Outcome)
def test_decode_is_the_inverse_of_encode(outcome):
    line = processed_line(
        7, 3, outcome=outcome, stage=Stage.PROCESSOR, reason="because", duplicate_of=str(UUID(int=9)), replay=2
    )
    assert processed.decode(processed.encode(line)) == line


def test_the_payload_keeps_every_byte():
    sent = b'{"a": 1.50, "b":' + b"9" * 5000 + b"}"
    line = processed.decode(processed.encode(processed_line(payload=msgspec.Raw(sent))))
    assert line.payload_bytes() == sent


def test_what_was_no_json_travels_base64_coded():
    sent = b"\xff\x00not json"
    line = processed_line(payload_base64=processed.unreadable_payload(sent))
    assert processed.decode(processed.encode(line)).payload_bytes() == sent


def test_what_has_its_default_is_left_out():
    line = json.loads(processed.encode(processed_line()))
    assert not {"reason", "duplicate_of", "replay", "stage", "payload_base64"} & line.keys()


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000], ids=len)
def test_what_is_no_processed_line_is_malformed(text):
    with pytest.raises(Malformed):
        processed.decode(text)


def test_sources_are_ordered_by_topic_partition_offset_and_line():
    sources = [processed_line(offset, line).source for offset in (1, 2) for line in (0, 1)]
    assert sources == sorted(sources)
