"""The answers to a request: the accepting one, and one for each status that an error can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.gateway.dialects.port import JSON, STATUS
from sluice.gateway.limits.port import Decision, State

if TYPE_CHECKING:
    from sluice.gateway.dialects.port import Dialect
    from sluice.gateway.openapi.schemas import JsonSchema

Answer = dict[str, Any]
Content = dict[str, Any]
Headers = dict[str, Any]

UNFORESEEN = 500
"""The status of whatever `STATUS` does not name."""

BEFORE_THE_API = (400, 408, UNFORESEEN)
"""What can also be said of a request before it is known which API it is for."""

NEVER_OF_AN_API = 417
"""The status of what is always refused before."""

UNREADABLE: JsonSchema = {
    "description": "The answer where no API is concerned, or not known: as when the request is no HTTP, or too slow.",
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}

MEANINGS: dict[int, str] = {
    400: "The request cannot be read, or breaks the API's contract. Nothing is stored.",
    401: "The key is missing, malformed, unknown, expired or revoked.",
    403: "The key is good, but may not do this: its kind, its scopes or the page's origin forbid it.",
    405: "The path is not served for this method.",
    408: "The request did not arrive in time.",
    413: "The body is over 10 MiB, measured after decompression.",
    415: "The Content-Encoding is none of gzip, deflate, br and zstd.",
    417: "The request's Expect is not 100-continue.",
    429: "The rate limit is exceeded. Only valid requests count for it.",
    500: "Something unforeseen happened. The X-Request-Id finds it in the gateway's log.",
    503: "The gateway cannot take the request now, as when Kafka is away: send it again later.",
}

HEADERS: Headers = {
    "X-Request-Id": {
        "description": "The request's own X-Request-Id where that is short and plain, else a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which the same request can pass.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Allow": {
        "description": "The methods that the path is served for.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Accept-Encoding": {
        "description": "The encodings that a body may have.",
        "required": True,
        "schema": {"type": "string"},
    },
}
"""Headers that mean the same in every API, for `components/headers`."""

_ALSO_ON = {405: "Allow", 415: "Accept-Encoding", 429: "Retry-After", 503: "Retry-After"}
_KEY_NOT_KNOWN = 401


def accepting(dialect: Dialect, schema: JsonSchema | None) -> Answer:
    """Give the answer to a request that was accepted; without a schema it is empty."""
    answer = answered("Accepted: the events are durable.", {} if schema is None else {JSON: {"schema": schema}})
    answer["headers"] |= rate_headers(dialect)
    return answer


def refusing(dialect: Dialect, schema: JsonSchema) -> dict[str, Answer]:
    """Give, by status, every answer to a request that was not accepted; once the API is known, in its own shape."""
    refusals: dict[str, Answer] = {}
    for status in sorted({*STATUS.values(), UNFORESEEN}):
        refusal = refused(status, {dialect.CONTENT_TYPE: {"schema": schema}})
        if status != _KEY_NOT_KNOWN:
            refusal["headers"] |= rate_headers(dialect)
        refusals[str(status)] = refusal
    for status in BEFORE_THE_API:
        refusals[str(status)]["content"] = _or_unreadable(dialect.CONTENT_TYPE, schema)
    return refusals | {str(NEVER_OF_AN_API): refused(NEVER_OF_AN_API)}


def answered(meaning: str, content: Content) -> Answer:
    """Give an answer as every path has it."""
    answer: Answer = {"description": meaning, "headers": {"X-Request-Id": _header("X-Request-Id")}}
    return answer | {"content": content} if content else answer


def refused(status: int, content: Content | None = None) -> Answer:
    """Give the answer of an error; where it is no API's, it has the shape of `UNREADABLE`."""
    answer = answered(MEANINGS[status], content or {JSON: {"schema": _UNREADABLE_REF}})
    if status in _ALSO_ON:
        answer["headers"][_ALSO_ON[status]] = _header(_ALSO_ON[status])
    return answer


def rate_headers(dialect: Dialect) -> Headers:
    """Give the headers in which an API tells of its limit, found by letting it tell of one."""
    state = State(limit=1, remaining=1, reset_ms=0, retry_after_ms=0)
    told = dialect.rate_headers(Decision(passed=True, states=(state, state)), now_ms=0)
    return {
        name: {
            "description": "Where the rate limit stands; absent where there is none.",
            "schema": {"type": "integer" if value.isdigit() else "string"},
        }
        for name, value in told.items()
    }


_UNREADABLE_REF = {"$ref": "#/components/schemas/Unreadable"}


def _or_unreadable(media_type: str, schema: JsonSchema) -> Content:
    if media_type == JSON:
        return {JSON: {"schema": {"anyOf": [schema, _UNREADABLE_REF]}}}
    return {media_type: {"schema": schema}, JSON: {"schema": _UNREADABLE_REF}}


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}
