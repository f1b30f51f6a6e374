"""The largest events that each API takes: what becomes of them fits into a record, however often escapes double them.

They come from the gateway itself, over HTTP, with bodies as long as it allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.factories import NOW, TOPIC
from tests.unit.gateway.harness import DEMO, demo_projects, gateway_with

from sluice.contract import ndjson, raw
from sluice.contract.event import Outcome
from sluice.contract.topics import RAW_MAX_BYTES
from sluice.gateway.body import MAX_BYTES
from sluice.processors.decide import RESULTS_BYTES, TOO_LARGE, decide
from sluice.processors.pack import pack
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Gateway

    from sluice.contract.processed import Processed

PULSE = b'{"site_id":"s","event_type":"page_view","timestamp":1703001234567,"session_id":"s",%s}'
INGEST = (
    b'{"events":[{"eventName":"e","timestamp":"2023-12-19T15:53:54Z","sessionId":"s","anonymousId":"a",'
    b'"consentGiven":true,%s}]}'
)
CLIENT = (
    b'{"data":{"type":"event-bulk-create","attributes":{"profile":{"data":{"type":"profile","attributes":'
    b'{"email":"a@example.com"%s}}},"events":{"data":[{"type":"event","attributes":'
    b'{"metric":{"data":{"type":"metric","attributes":{"name":"m"}}},"unique_id":"1","properties":{%s}}}]}}}}'
)
REVISION = {"revision": "2026-07-15"}

BODIES = {
    "pulse: an event's own member": ("/collect", PULSE),
    "pulse: a property": ("/collect", PULSE.replace(b"%s", b'"properties":{%s}')),
    "events: an event's own member": ("/collect/event", b'{"messageBody":[{"type":"page_view",%s}]}'),
    "events: a property": ("/collect/event", b'{"messageBody":[{"type":"page_view","properties":{%s}}]}'),
    "events: the header": ("/collect/event", b'{"messageheader":{%s},"messageBody":[{"type":"page_view"}]}'),
    "ingest: an event's own member": ("/v1/ingest", INGEST),
    "client: a property": ("/client/event-bulk-create/?company_id=demo_public", CLIENT % (b"", b"%s")),
    "client: an attribute of the profile": (
        "/client/event-bulk-create/?company_id=demo_public",
        CLIENT % (b',"properties":{%s}', b""),
    ),
    "client: the profile's location": (
        "/client/event-bulk-create/?company_id=demo_public",
        CLIENT % (b',"location":{%s}', b""),
    ),
    "user_event: a page view": ("/event/", b'{"user":{"email":"a@example.com"},"event":{"page_view":{%s}}}'),
    "user_event: a property": (
        "/event/",
        b'{"user":{"email":"a@example.com"},"event":{"page_view":{"properties":{%s}}}}',
    ),
    "user_event: an update": ("/event/", b'{"user":{"email":"a@example.com"},"event":{"update":{%s}}}'),
    "user_event: a login": ("/event/", b'{"user":{"email":"a@example.com"},"event":{"login":{%s}}}'),
    "user_event: a saved user": ("/user/", b'{"user":{"email":"a@example.com",%s}}'),
}


def filled(body: bytes) -> bytes:
    """Give a body that is as long as one may be, with a list of quotes: in a property, it takes twice the room."""
    around = body % b'"a":["%s"]'
    return around % (b'\\"' * ((MAX_BYTES - len(around) + 2) // 2))


async def accepted(gateway: Gateway, path: str, body: bytes) -> bytes:
    """Give the raw record that a request makes."""
    assert MAX_BYTES - 2 <= len(body) <= MAX_BYTES
    headers = REVISION if path.startswith("/client") else DEMO
    if path in {"/event/", "/user/"}:
        saved = await gateway.send("/user/", b'{"user":{"email":"a@example.com"}}', headers)
        assert saved.status < 300, saved.body
        gateway.publisher.records.clear()
    answer = await gateway.send(path, body, headers)
    assert answer.status < 300, answer.body
    ((_, value),) = gateway.publisher.records
    assert len(value) < RAW_MAX_BYTES
    return value


def decided(value: bytes) -> tuple[Processed, Draft]:
    draft = Draft(MemoryState())
    (line,) = decide(Record(0, 0, NOW, value), TOPIC, Rulebook(Visitors(b"secret")), draft).lines
    return line, draft


@pytest.mark.parametrize("name", BODIES)
async def test_the_largest_event_fits(name: str):
    path, body = BODIES[name]
    async with gateway_with(demo_projects()) as gateway:
        value = await accepted(gateway, path, filled(body))
    line, _ = decided(value)
    (packed,) = pack([[line]])
    assert line.outcome is Outcome.STORED
    assert len(packed) <= RESULTS_BYTES


async def test_a_login_whose_properties_are_properties_and_an_attribute_is_rejected_where_they_are_too_large():
    body = filled(b'{"user":{"email":"a@example.com"},"event":{"login":{"properties":{%s}}}}')
    async with gateway_with(demo_projects()) as gateway:
        value = await accepted(gateway, "/event/", body)
    line, draft = decided(value)
    (packed,) = pack([[line]])
    assert (line.outcome, line.reason) == (Outcome.INVALID, TOO_LARGE)
    assert line.payload_bytes() == body
    assert len(packed) <= RESULTS_BYTES
    assert draft.changes == {}
    (sent,) = map(raw.decode, ndjson.split(value))
    assert line.raw_line == msgspec.Raw(raw.encode(msgspec.structs.replace(sent, event=msgspec.Raw(b"null"))))
