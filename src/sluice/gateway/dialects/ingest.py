"""API 3, `ingest`: POST /v1/ingest.

Source: the "API Reference" of the Inslytic Ingestion API; docs/apis/ingest.md maps each of its sentences to a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError

from sluice.contract.errors import Invalid, Malformed
from sluice.contract.event import Api
from sluice.contract.ndjson import form_on_one_line
from sluice.contract.projects import FixedWindow
from sluice.gateway import json_text
from sluice.gateway.dialects.credentials import bearer_or_query_key, valid
from sluice.gateway.dialects.event_list import EventList
from sluice.gateway.dialects.ingest_body import (
    MAX_EVENTS,
    Accepted,
    IngestBatch,
    IngestEvent,
    Refused,
    check,
    details_of,
)
from sluice.gateway.dialects.port import JSON, Endpoint, Head, Headers, Metering, Problem, Reading, Received, Reply
from sluice.gateway.dialects.state_keys import StateKeys
from sluice.gateway.keys import permit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.gateway.keys import Key, KeyRing
    from sluice.gateway.limits.port import Decision

API = Api.INGEST
# "1,000 events per minute per project"; "tokens refill every 60 seconds": all of them at once.
LIMIT = FixedWindow(limit=1000, per_s=60)
ERROR = Refused
CONTENT_TYPE = JSON

INGEST = Endpoint(
    "ingest",
    ("/v1/ingest",),
    "Ingest events",
    IngestBatch,
    {
        "events": [
            {
                "eventName": "page_viewed",
                "timestamp": "2026-02-16T10:30:00.000Z",
                "anonymousId": "anon-123",
                "sessionId": "sess-456",
                "consentGiven": True,
                "properties": {"path": "/pricing"},
                "pageUrl": "https://example.com/pricing",
                "pageTitle": "Pricing",
            }
        ]
    },
    202,
    Accepted,
)
ENDPOINTS: tuple[Endpoint, ...] = (INGEST,)


_NOT_JSON = "body must be valid JSON"
_NO_EVENTS = "events is required"
EVENTS = EventList(
    "events",
    MAX_EVENTS,
    no_object=_NO_EVENTS,
    missing=_NO_EVENTS,
    wrong=f"events must contain 1 to {MAX_EVENTS} events",
)


class InvalidEvents(Invalid):
    """A body with problems, which are told one by one."""

    def __init__(self, details: Sequence[str]) -> None:
        super().__init__(details[0])
        self.details = details


def authenticate(head: Head, keys: KeyRing) -> Key:
    """Take `Authorization: Bearer` with a secret or public key, else `?api_key=` with a public one."""
    return valid(bearer_or_query_key(head, keys), head, "Unauthorized")


def authorize(head: Head, key: Key) -> None:
    """Take either kind of key."""
    permit(key, origin=head.headers.get("Origin"))


def metering(head: Head, key: Key) -> Metering:
    """Count events, by project; a key that has limits of its own counts for itself."""
    del head
    counted = f"project/{key.project}" if key.entry.limits is None else f"key/{key.id}"
    return Metering(f"{API}/{counted}", key.rules(API, LIMIT))


def read(head: Head, key: Key, body: bytes) -> Reading:
    """Read a request in which all events are valid."""
    sent = [bytes(event) for event in _events_of(body)]
    checked: list[IngestEvent] = []
    try:
        checked.extend(check(event, head.received_at) for event in sent)
    except ValidationError:
        raise InvalidEvents(details_of(sent, head.received_at)) from None
    state_keys = StateKeys(API, key.project, key.project_entry, head.idempotency_key)
    on_one_line = form_on_one_line(body)
    events = [
        Received(on_one_line(text), state_keys.of(event.eventName, event.userId, text))
        for text, event in zip(sent, checked, strict=True)
    ]
    return Reading(head.endpoint, cost=len(events), events=events)


def _events_of(body: bytes) -> Sequence[msgspec.Raw]:
    try:
        return EVENTS.read(body)
    except json_text.NotJson:
        raise Malformed(_NOT_JSON) from None


def accept(head: Head, reading: Reading, now_ms: int) -> Reply:
    """202, with how many events were accepted."""
    del head, now_ms
    return Reply(202, msgspec.json.encode({"accepted": len(reading.events)}))


def refuse(head: Head, problem: Problem, now_ms: int) -> Reply:
    """Any other status: 400 with all problems, 401 in the document's word, the others in a sentence."""
    del head, now_ms
    answer: dict[str, Any] = {"error": problem.words}
    if problem.status == 400:
        details = problem.error.details if isinstance(problem.error, InvalidEvents) else [problem.words]
        answer = {"error": "Validation failed", "details": details}
    elif problem.status == 401:
        answer = {"error": "Unauthorized"}
    return Reply(problem.status, msgspec.json.encode(answer))


def rate_headers(decision: Decision, now_ms: int) -> Headers:
    """None: the document tells of 429 alone."""
    del decision, now_ms
    return {}
