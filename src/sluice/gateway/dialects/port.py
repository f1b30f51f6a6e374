"""What every dialect is: one file with these names.

A dialect is pure. It takes bytes, keys and a time, and gives values; who calls it does the rest (bodies, limits,
Kafka, request ids, CORS) in the same way for all, in `sluice.gateway.intake`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from sluice.contract.errors import (
    Forbidden,
    Invalid,
    Malformed,
    Retry,
    Throttled,
    TooLarge,
    Unauthenticated,
    UnsupportedEncoding,
    WrongMethod,
)
from sluice.contract.raw import EMPTY_OBJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from sluice.contract.event import Api
    from sluice.contract.projects import Rule
    from sluice.contract.raw import Client
    from sluice.gateway.keys import Key, KeyRing
    from sluice.gateway.limits.port import State

Headers = dict[str, str]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of an API; `name` tells a dialect's endpoints apart."""

    name: str
    path: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Head:
    """What a request says beside its body. `headers` is case-insensitive; absent values are None."""

    endpoint: Endpoint
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at: int
    request_id: str
    client: Client
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """One valid event: its bytes as they were sent, and its routing key."""

    event: bytes
    key: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid request. `cost` is what it counts for its limit; `context` what it holds beside its events."""

    endpoint: Endpoint
    events: Sequence[Received]
    cost: int
    context: msgspec.Raw = field(default_factory=lambda: EMPTY_OBJECT)


@dataclass(frozen=True, slots=True)
class Metering:
    """What a request counts on: a bucket's name, unique among all dialects, and its rules (none: no limit)."""

    bucket: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Headers = field(default_factory=dict)
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request got no 2xx: the status, a sentence for its sender, and the error itself."""

    status: int
    words: str
    error: Exception


class Dialect(Protocol):
    """One API. Each function is called at most once for a request, in this order, `refuse` at any point."""

    API: Api
    ENDPOINTS: tuple[Endpoint, ...]

    def authenticate(self, head: Head, keys: KeyRing) -> Key:
        """Find the key wherever this API's clients put it, and check that it may be used here.

        Raises `Unauthenticated` or `Forbidden`.
        """

    def metering(self, head: Head, key: Key) -> Metering:
        """Give the limit that the request counts on."""

    def read(self, head: Head, key: Key, body: bytes) -> Reading:
        """Parse and validate a body: all of its events are valid, or none is taken.

        Raises `Malformed` or `Invalid`, in the words of this API's document.
        """

    def accept(self, reading: Reading, now_ms: int) -> Reply:
        """Give the answer to a request whose events are durable."""

    def refuse(self, problem: Problem, now_ms: int) -> Reply:
        """Give the answer to a request that was not accepted."""

    def rate_headers(self, states: Sequence[State], now_ms: int) -> Headers:
        """Give the headers that tell where a limit stands, one state for each of its rules."""


STATUS: Mapping[type[Exception], int] = MappingProxyType(
    {
        Malformed: 400,
        Invalid: 400,
        Unauthenticated: 401,
        Forbidden: 403,
        WrongMethod: 405,
        TooLarge: 413,
        UnsupportedEncoding: 415,
        Throttled: 429,
        Retry: 503,
    }
)
"""The status of each error; all others are 500."""

RETRY_AFTER_S = 5
"""What a client is told when Kafka is away; the gateway itself looks for it more often."""


def problem_of(error: Exception) -> Problem:
    """Tell what an error means to the sender of a request. What was not foreseen says nothing about its cause."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return Problem(STATUS[kind], _words(error), error)
    return Problem(500, "Internal server error", error)


def _words(error: Exception) -> str:
    if isinstance(error, Retry):
        return "Service unavailable, try again later"
    return str(error)
