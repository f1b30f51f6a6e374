"""The error document of JSON:API: every problem of a request, each with a pointer to its place in the body.

Source: jsonapi.org/format/#errors and RFC 6901; the codes are those of the public API of Klaviyo, whose `status` is
a number where JSON:API has a string.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
from pydantic import BaseModel

from sluice.contract.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.gateway.dialects.port import Problem

CONTENT_TYPE = "application/vnd.api+json"

WHOLE = "/data/"
"""The pointer of what has no place in the body: headers, keys, limits, and bodies that cannot be read."""

MAX_FAULTS = 100
"""As many problems are told one by one; a last one says how many more there are."""

Location = tuple[int | str, ...]
"""The names and numbers that lead to a place in a body."""


class Fault(NamedTuple):
    """One thing that is wrong with a request: where, and a sentence about it."""

    pointer: str
    detail: str


class InvalidDocument(Invalid):
    """A request with at least one fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.detail for fault in faults[:MAX_FAULTS]))
        self.faults = faults


class Source(BaseModel):
    """Where in the body an error is, as a JSON Pointer."""

    pointer: str


class Error(BaseModel):
    """One error; `id` is its own in every answer."""

    id: UUID
    status: int
    code: str
    title: str
    detail: str
    source: Source


class ErrorDocument(BaseModel):
    """Every answer to a request that was not accepted."""

    errors: list[Error]


class _Kind(NamedTuple):
    code: str
    title: str


_UNFORESEEN = _Kind("error", "A server error occurred.")
_KINDS: Mapping[int, _Kind] = MappingProxyType(
    {
        400: _Kind("invalid", "Invalid input."),
        401: _Kind("not_authenticated", "Authentication failed."),
        403: _Kind("permission_denied", "You do not have permission to perform this action."),
        405: _Kind("method_not_allowed", "Method not allowed."),
        408: _Kind("request_timeout", "Request took too long."),
        413: _Kind("payload_too_large", "Payload too large."),
        415: _Kind("unsupported_media_type", "Unsupported content encoding."),
        429: _Kind("throttled", "Request was throttled."),
        500: _UNFORESEEN,
        503: _Kind("service_unavailable", "Service unavailable."),
    }
)


def pointer(location: Location) -> str:
    """Give the JSON Pointer of a place in a body."""
    if not location:
        return WHOLE
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def inside(value: Any, place: Location) -> Any:
    """Follow names into objects; None where there is no such place."""
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def faults_of(error: Exception, words: str) -> Sequence[Fault]:
    """Give what is wrong with a request by the error it led to; `words` stand for one that names no place."""
    return error.faults if isinstance(error, InvalidDocument) else [Fault(WHOLE, words)]


def error_document(problem: Problem, own_id: str) -> bytes:
    """Give the body of an answer; the ids of its errors follow from the request's own one."""
    faults = list(faults_of(problem.error, problem.words))
    if more := len(faults[MAX_FAULTS:]):
        faults[MAX_FAULTS:] = [Fault(WHOLE, f"... and {more} more")]
    code, title = _KINDS.get(problem.status, _UNFORESEEN)
    return msgspec.json.encode(
        {
            "errors": [
                {
                    "id": str(uuid5(UUID(own_id), str(number))),
                    "status": problem.status,
                    "code": code,
                    "title": title,
                    "detail": detail,
                    "source": {"pointer": place},
                }
                for number, (place, detail) in enumerate(faults)
            ]
        }
    )
