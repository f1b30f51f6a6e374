"""API 2, `events`: POST /collect/event.

Source: the "Events API Docs" document; docs/apis/events.md maps each of its sentences to a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.errors import Invalid, Malformed, TooLarge, Unauthenticated
from sluice.contract.event import Api
from sluice.contract.ndjson import on_one_line
from sluice.contract.projects import FixedWindow
from sluice.contract.raw import Context
from sluice.contract.routing import EMAIL_OPEN
from sluice.contract.state_keys import user_of
from sluice.gateway import json_text
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects.credentials import bearer_or_query_key
from sluice.gateway.dialects.events_body import MAX_EVENTS, Accepted, Circumstances, Events, Refused, check
from sluice.gateway.dialects.port import JSON, Endpoint, Head, Headers, Metering, Problem, Reading, Received, Reply
from sluice.gateway.dialects.state_keys import StateKeys
from sluice.gateway.keys import Key, KeyRing, permit

if TYPE_CHECKING:
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


class _SentRequest(msgspec.Struct):
    messageBody: list[msgspec.Raw]  # noqa: N815
    messageheader: msgspec.Raw = _NULL


_sent_request = msgspec.json.Decoder(_SentRequest)
_sent_events = msgspec.json.Decoder(list[msgspec.Raw])
_sent_members = msgspec.json.Decoder(dict[str, msgspec.Raw])

NOT_AN_OBJECT = "body must be a JSON object"
NO_EVENTS = "messageBody is required"
WRONG_EVENTS = f"messageBody must be an array of 1 to {MAX_EVENTS} events"
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
    key = _find_key(head, keys)
    if key is None:
        raise Unauthenticated("invalid api key")
    permit(key, origin=head.headers.get("Origin"), now_ms=head.received_at)
    return key


def _find_key(head: Head, keys: KeyRing) -> Key | None:
    if "Authorization" not in head.headers:
        if "X-API-Key" in head.headers:
            return keys.find(head.headers["X-API-Key"])
        if "api_key" not in head.query:
            return keys.keyless_events()
    return bearer_or_query_key(head, keys)


def metering(head: Head, key: Key) -> Metering:
    """Count requests, by key; all those without a key together."""
    del head
    return Metering(f"{API}/{key.id}", key.rules(API, LIMIT))


def read(head: Head, key: Key, body: bytes) -> Reading:
    """Read a request in which all events are valid."""
    request = _request_of(body)
    context = Context(ping_id=head.own_id, header=_header_of(request))
    circumstances = Circumstances(key.project_entry.event_types, head.received_at)
    state_keys = StateKeys(key.project, head.idempotency_key)
    one_line = b"\n" not in body and b"\r" not in body
    events = []
    for event in request.messageBody:
        text = bytes(event)
        event_type = check(text, circumstances).type
        user_id = user_of(text) if event_type == EMAIL_OPEN else None
        routing_key = state_keys.of(event_type, user_id, text)
        events.append(Received(text if one_line else on_one_line(text), routing_key, context))
    return Reading(head.endpoint, cost=1, events=events)


def _request_of(body: bytes) -> _SentRequest:
    try:
        request = json_text.decode(body, _sent_request)
    except json_text.NotJson:
        raise Malformed(NOT_AN_OBJECT) from None
    except msgspec.ValidationError:
        json_text.refuse_deep(body)
        request = _last_members_of(body)
    json_text.refuse_deep_list(body, request.messageBody)
    if not 1 <= len(request.messageBody) <= MAX_EVENTS:
        raise Invalid(WRONG_EVENTS)
    return request


def _last_members_of(body: bytes) -> _SentRequest:
    """Look for the events again: of several members of the name only the last must be an array.

    Raises `Invalid` where it is none.
    """
    try:
        members = _sent_members.decode(body)
    except msgspec.ValidationError:
        raise Invalid(NOT_AN_OBJECT) from None
    events = members.get("messageBody", _NULL)
    if bytes(events) == bytes(_NULL):
        raise Invalid(NO_EVENTS)
    try:
        return _SentRequest(_sent_events.decode(events), members.get("messageheader", _NULL))
    except msgspec.ValidationError:
        raise Invalid(WRONG_EVENTS) from None


def _header_of(request: _SentRequest) -> msgspec.Raw | msgspec.UnsetType:
    """Give the messageheader on one line.

    Raises `Invalid` where it is no object, and `TooLarge` where its copies would make far more of a request than was
    sent.
    """
    sent = bytes(request.messageheader)
    if sent == bytes(_NULL):
        return msgspec.UNSET
    if not sent.startswith(b"{"):
        raise Invalid(WRONG_HEADER)
    if len(sent) * len(request.messageBody) > MAX_HEADER_BYTES:
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
