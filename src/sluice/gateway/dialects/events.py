"""API 2, `events`: POST /collect/event.

Source: the "Events API Docs" document; docs/apis/events.md maps each of its sentences to a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.errors import Invalid, Malformed, TooLarge
from sluice.contract.event import Api
from sluice.contract.ndjson import form_on_one_line, on_one_line
from sluice.contract.projects import FixedWindow
from sluice.contract.raw import Context
from sluice.contract.state_keys import user_of
from sluice.gateway import json_text
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects.credentials import bearer_or_query_key, valid
from sluice.gateway.dialects.event_list import EventList
from sluice.gateway.dialects.events_body import MAX_EVENTS, Accepted, Circumstances, Events, Refused, check
from sluice.gateway.dialects.port import JSON, Endpoint, Head, Headers, Metering, Problem, Reading, Received, Reply
from sluice.gateway.dialects.state_keys import StateKeys
from sluice.gateway.keys import permit

if TYPE_CHECKING:
    from sluice.gateway.keys import Key, KeyRing
    from sluice.gateway.limits.port import Decision

API = Api.EVENTS
# "X-RateLimit-Limit: 1000"; the window's length is ours.
LIMIT = FixedWindow(limit=1000, per_s=60)
MAX_HEADER_BYTES = MAX_BYTES
"""How much the messageheaders of one request may take, as each event keeps one."""

ERROR = Refused
CONTENT_TYPE = JSON

COLLECT = Endpoint(
    "collect_event",
    ("/collect/event",),
    "Collect events",
    Events,
    {
        "messageheader": {"source": "shop"},
        "messageBody": [
            {
                "type": "page_view",
                "timestamp": "2023-12-19T15:53:54.567Z",
                "userId": "user_123",
                "sessionId": "session_xyz789",
                "properties": {"url": "https://example.com/products"},
            }
        ],
    },
    201,
    Accepted,
    keys=("bearer", "x_api_key", "query_key", "none"),
)
ENDPOINTS: tuple[Endpoint, ...] = (COLLECT,)


_NULL = msgspec.Raw(b"null")


class _Beside(msgspec.Struct):
    messageheader: msgspec.Raw = msgspec.Raw(_NULL)


_beside = msgspec.json.Decoder(_Beside)

NOT_AN_OBJECT = "body must be a JSON object"
EVENTS = EventList(
    "messageBody",
    MAX_EVENTS,
    no_object=NOT_AN_OBJECT,
    missing="messageBody is required",
    wrong=f"messageBody must be an array of 1 to {MAX_EVENTS} events",
)
WRONG_HEADER = "messageheader must be an object"
LARGE_HEADER = (
    f"messageheader is kept with each event and would take over {MAX_HEADER_BYTES // 1024**2} MiB: "
    "send fewer events in a request, or a smaller messageheader"
)

# RFC 9110, 15; Python's own words change from version to version.
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def authenticate(head: Head, keys: KeyRing) -> Key:
    """Take `Authorization: Bearer`, else `X-API-Key`, else `?api_key=` with a public key, else go without a key.

    The document's client sends no key: its events belong to the settings file's `keyless_events_project`.
    """
    return valid(_find_key(head, keys), head, "invalid api key")


def _find_key(head: Head, keys: KeyRing) -> Key | None:
    if "Authorization" not in head.headers:
        if "X-API-Key" in head.headers:
            return keys.find(head.headers["X-API-Key"])
        if "api_key" not in head.query:
            return keys.keyless_events()
    return bearer_or_query_key(head, keys)


def authorize(head: Head, key: Key) -> None:
    """Take either kind of key."""
    permit(key, origin=head.headers.get("Origin"))


def metering(head: Head, key: Key) -> Metering:
    """Count requests, by key; all those without a key together."""
    del head
    return Metering(f"{API}/{key.id}", key.rules(API, LIMIT))


def read(head: Head, key: Key, body: bytes) -> Reading:
    """Read a request in which all events are valid."""
    sent = _events_of(body)
    context = Context(ping_id=head.own_id, header=_header_of(body, len(sent)))
    circumstances = Circumstances(key.project_entry.event_types, head.received_at)
    state_keys = StateKeys(API, key.project, key.project_entry, head.idempotency_key)
    on_one_line = form_on_one_line(body)
    events = []
    for event in sent:
        text = bytes(event)
        event_type = check(text, circumstances).type
        user_id = user_of(text) if state_keys.reads(event_type) else None
        routing_key = state_keys.of(event_type, user_id, text)
        events.append(Received(on_one_line(text), routing_key, context))
    return Reading(head.endpoint, cost=1, events=events)


def _events_of(body: bytes) -> list[msgspec.Raw]:
    try:
        return EVENTS.read(body)
    except json_text.NotJson:
        raise Malformed(NOT_AN_OBJECT) from None


def _header_of(body: bytes, events: int) -> msgspec.Raw | msgspec.UnsetType:
    """Give the messageheader on one line.

    Raises `Invalid` where it is no object, and `TooLarge` where its copies would make far more of a request than was
    sent.
    """
    sent = bytes(_beside.decode(body).messageheader)
    if sent == bytes(_NULL):
        return msgspec.UNSET
    if not sent.startswith(b"{"):
        raise Invalid(WRONG_HEADER)
    if len(sent) * events > MAX_HEADER_BYTES:
        raise TooLarge(LARGE_HEADER)
    return msgspec.Raw(on_one_line(sent))


def accept(head: Head, reading: Reading, now_ms: int) -> Reply:
    """201, with the id that the events of the request are stored with."""
    del reading, now_ms
    return Reply(201, msgspec.json.encode({"headers": {}, "value": f'{{"pingId": "{head.own_id}"}}'}))


def refuse(head: Head, problem: Problem, now_ms: int) -> Reply:
    """Any other status, in the one shape that the document shows."""
    del head, now_ms
    answer = {"error": _REASONS[problem.status], "message": problem.words, "statusCode": problem.status}
    return Reply(problem.status, msgspec.json.encode(answer))


def rate_headers(decision: Decision, now_ms: int) -> Headers:
    """`X-RateLimit-*` of the rule that is nearest to its limit; Reset is in seconds since 1970, rounded up."""
    state = min(decision.states, key=lambda state: state.remaining)
    return {
        "X-RateLimit-Limit": str(state.limit),
        "X-RateLimit-Remaining": str(state.remaining),
        "X-RateLimit-Reset": str(-(-(now_ms + state.reset_ms) // 1000)),
    }
