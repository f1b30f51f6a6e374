"""What a small request unpacks to costs little more than its bytes, whatever it is made of.

Time decides no test; memory stands for it, since what takes long is building what nobody asked for.
"""

from __future__ import annotations

import json
import tracemalloc

import pytest
from tests.fuzz.targets import Target, targets
from tests.fuzz.test_dialects import accepts

SIZE = 10_000_000
AT_MOST = 60_000_000
"""Bytes at the peak: a few copies of the body, and no object for each of its elements."""

LISTS = [target for target in targets() if target.dialect.API in {"pulse", "events", "ingest"}]
ELEMENTS = [b"{}", b"1", b'""', b"[[[]]]"]
MARK = "the place of what is hostile"


def peak_of(target: Target, body: bytes) -> int:
    tracemalloc.start()
    try:
        assert not accepts(target, body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def many(element: bytes) -> bytes:
    return b"[" + (element + b",") * (SIZE // (len(element) + 1)) + element + b"]"


@pytest.mark.parametrize("target", [t for t in LISTS if t.endpoint.name != "collect"], ids=str)
@pytest.mark.parametrize("element", ELEMENTS)
def test_millions_of_events_are_not_made(target: Target, element: bytes):
    name = b"messageBody" if target.dialect.API == "events" else b"events"
    assert peak_of(target, b'{"' + name + b'":' + many(element) + b"}") < AT_MOST


@pytest.mark.parametrize("target", [t for t in targets() if str(t) in {"pulse-collect", "user_event-user"}], ids=str)
def test_a_known_member_that_should_be_text_is_not_made_of_lists(target: Target):
    valid = next(body for body in target.corpus if target.verdict(body, target.known))
    document = json.loads(valid)
    place = document.get("user", document)
    for name in [name for name in place if name in {"site_id", "url", "session_id", "email", "_id"}]:
        sent = json.dumps({**document, **({"user": {**place, name: MARK}} if "user" in document else {name: MARK})})
        assert peak_of(target, sent.encode().replace(json.dumps(MARK).encode(), many(b"[[[]]]"))) < AT_MOST
