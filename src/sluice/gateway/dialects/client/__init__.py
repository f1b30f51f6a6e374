"""API 4, `client`: POST /client/event-bulk-create for pages, and POST /api/event-bulk-create-jobs for servers.

Source: the "Bulk Create Client Events" document, and where it is silent the public API of Klaviyo;
docs/apis/client.md maps each sentence to a test.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sluice.contract.errors import Forbidden, Reject, Unauthenticated
from sluice.contract.event import Api
from sluice.contract.projects import SlidingWindow
from sluice.gateway.dialects.client import jsonapi
from sluice.gateway.dialects.client.body import JOB_FORM, PAGE_FORM
from sluice.gateway.dialects.client.jsonapi import WHOLE, ErrorDocument, Fault, InvalidDocument
from sluice.gateway.dialects.client.profiles import lookup_of
from sluice.gateway.dialects.client.shapes import EventBulkCreate, EventBulkCreateJob
from sluice.gateway.dialects.port import Endpoint, Head, Headers, Metering, Parameter, Problem, Reading, Reply
from sluice.gateway.dialects.state_keys import StateKeys
from sluice.gateway.keys import Key, KeyRing, permit, unexpired

if TYPE_CHECKING:
    from sluice.gateway.limits.port import Decision

API = Api.CLIENT
# "Burst: 10/s, Steady: 150/m".
LIMITS = (SlidingWindow(limit=10, per_s=1), SlidingWindow(limit=150, per_s=60))
ERROR = ErrorDocument
CONTENT_TYPE = jsonapi.CONTENT_TYPE

SCHEME = "Klaviyo-API-Key"
_REVISION = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(\.[A-Za-z0-9._-]{1,64})?"
_revision = re.compile(_REVISION)

_REVISION_IN_HEADER = Parameter(
    "revision",
    "header",
    "The revision of the API, as YYYY-MM-DD[.suffix]. Any is served alike.",
    required=True,
    pattern=f"^{_REVISION}$",
    example="2026-07-15",
)
_REVISION_OF_PAGE = (
    replace(_REVISION_IN_HEADER, required=False, description="As for servers; it may stand in the URL instead."),
    Parameter("revision", "query", "Stands in for the header, in the same form, where a beacon cannot set one."),
)
_BULK = {
    "type": "event-bulk-create",
    "attributes": {
        "profile": {
            "data": {
                "type": "profile",
                "attributes": {"email": "sarah.mason@example.com", "first_name": "Sarah"},
            }
        },
        "events": {
            "data": [
                {
                    "type": "event",
                    "attributes": {
                        "metric": {"data": {"type": "metric", "attributes": {"name": "Viewed Product"}}},
                        "properties": {"ProductName": "Winnie the Pooh"},
                        "value": 9.99,
                        "value_currency": "USD",
                        "unique_id": "4b5d3f33",
                    },
                }
            ]
        },
    },
}
PAGE = Endpoint(
    "client",
    ("/client/event-bulk-create/", "/client/event-bulk-create"),
    "Bulk Create Client Events",
    EventBulkCreate,
    {"data": _BULK},
    202,
    None,
    keys=("company_id",),
    parameters=_REVISION_OF_PAGE,
)
JOB = Endpoint(
    "job",
    ("/api/event-bulk-create-jobs", "/api/event-bulk-create-jobs/"),
    "Bulk Create Events",
    EventBulkCreateJob,
    {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [_BULK]}}}},
    202,
    None,
    keys=("klaviyo",),
    parameters=(_REVISION_IN_HEADER,),
)
ENDPOINTS: tuple[Endpoint, ...] = (PAGE, JOB)


def authenticate(head: Head, keys: KeyRing) -> Key:
    """Take a page's key of `?company_id=`, a server's of `Authorization: Klaviyo-API-Key`.

    A private key that a page shows, wherever it does, goes before all else, so that it is refused as such.
    Raises `Invalid`, too, where a page says no `company_id`.
    """
    return _key_of_page(head, keys) if head.endpoint is PAGE else _key_of_server(head, keys)


def _key_of_page(head: Head, keys: KeyRing) -> Key:
    company_id = head.query.get("company_id", "")
    key = keys.find(company_id)
    _, _, authorization = head.headers.get("Authorization", "").strip().rpartition(" ")
    for shown in (key, keys.find(authorization)):
        if shown is not None and not shown.is_public:
            return shown
    if not company_id:
        raise InvalidDocument([Fault(WHOLE, "company_id is required: give your public key"), *_faults_of_head(head)])
    if key is None:
        raise Unauthenticated("company_id is no public key that is known here")
    return unexpired(key, head.received_at)


def _key_of_server(head: Head, keys: KeyRing) -> Key:
    scheme, _, presented = head.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != SCHEME.lower() or not presented.strip():
        raise Unauthenticated(f"Send your private key as Authorization: {SCHEME} <private key>")
    key = keys.find(presented.strip())
    if key is None:
        raise Unauthenticated("The private key is not known here")
    return unexpired(key, head.received_at)


def authorize(head: Head, key: Key) -> None:
    """Take public keys alone from pages, and private ones alone from servers."""
    if head.endpoint is PAGE and not key.is_public:
        raise Forbidden(
            "A private key must never be used where others can see it: give the public key as company_id, or "
            f"send from a server to {JOB.paths[0]}"
        )
    if head.endpoint is JOB and key.is_public:
        raise Forbidden(
            f"A public key may not be used here: send your private key, or from a page to {PAGE.paths[0]}"
        )
    permit(key, origin=head.headers.get("Origin"))


def metering(head: Head, key: Key) -> Metering:
    """Count requests by company and endpoint; a key with limits of its own counts for itself."""
    company = f"project/{key.project}" if key.entry.limits is None else f"key/{key.id}"
    return Metering(f"{API}/{head.endpoint.name}/{company}", key.rules(API, *LIMITS))


def read(head: Head, key: Key, body: bytes) -> Reading:
    """Read the events of a page's profile, or those of all profiles of a server's job."""
    faults = _faults_of_head(head)
    form = PAGE_FORM if head.endpoint is PAGE else JOB_FORM
    try:
        bulks = form.read(body, head.received_at)
    except Reject as refusal:
        faults += jsonapi.faults_of(refusal, str(refusal))
    if faults:
        raise InvalidDocument(faults)
    state_keys = StateKeys(API, key.project, key.project_entry, head.idempotency_key)
    return Reading(head.endpoint, cost=1, lookup=lookup_of(bulks, key.project, state_keys))


def _faults_of_head(head: Head) -> list[Fault]:
    revision = head.headers.get("revision", head.query.get("revision"))
    if not revision:
        return [Fault(WHOLE, "The header revision is required: the revision of the API, as YYYY-MM-DD[.suffix]")]
    if not _revision.fullmatch(revision):
        return [Fault(WHOLE, "revision must be a date and, perhaps, a suffix: YYYY-MM-DD[.suffix]")]
    return []


def accept(head: Head, reading: Reading, now_ms: int) -> Reply:
    """202 without a body."""
    del head, reading, now_ms
    return Reply(202, b"", content_type=CONTENT_TYPE)


def refuse(head: Head, problem: Problem, now_ms: int) -> Reply:
    """Any other status, with all that is wrong."""
    del now_ms
    return Reply(problem.status, jsonapi.error_document(problem, head.own_id), content_type=CONTENT_TYPE)


def rate_headers(decision: Decision, now_ms: int) -> Headers:
    """`RateLimit-Limit`, `-Remaining` and `-Reset` (in seconds) of the minute's rule; a 429 has none of them.

    The rule with the highest limit has the longest window: one with a lower limit would leave the shorter windows
    nothing to forbid.
    """
    del now_ms
    if not decision.passed:
        return {}
    minute = max(decision.states, key=lambda state: state.limit)
    return {
        "RateLimit-Limit": str(minute.limit),
        "RateLimit-Remaining": str(minute.remaining),
        "RateLimit-Reset": str(-(-minute.reset_ms // 1000)),
    }
