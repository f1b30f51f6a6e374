"""What every dialect is: one file with these names.

A dialect is pure. It takes bytes, keys and a time, and gives values; who calls it does the rest (bodies, limits,
Kafka, request ids, CORS) in the same way for all, in `sluice.gateway.intake`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from sluice.contract.errors import (
    Forbidden,
    Invalid,
    Malformed,
    Retry,
    Throttled,
    TooLarge,
    TooSlow,
    Unauthenticated,
    UnsupportedEncoding,
    WrongMethod,
)
from sluice.contract.raw import NO_CONTEXT
from sluice.gateway.users.port import Identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sluice.contract.event import Api
    from sluice.contract.projects import Rule
    from sluice.contract.raw import Client, Context
    from sluice.gateway.keys import Key, KeyRing
    from sluice.gateway.limits.port import Decision
    from sluice.gateway.users.port import Link, Users

Headers = dict[str, str]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of an API, as it is served and as /openapi.json describes it.

    `name` tells a dialect's endpoints apart. `paths` all mean the same; the first is the one to use. `body` is the
    type of a valid body and `example` one such body; `status` and `answer` (None: empty) belong to a request that
    was accepted. `keys` names the ways to show a key, as in `sluice.gateway.openapi`; `parameters` are further
    headers and query parameters, by name.
    """

    name: str
    paths: tuple[str, ...]
    summary: str
    body: Any
    example: Mapping[str, Any]
    status: int
    answer: Any
    keys: tuple[str, ...] = ("bearer", "query_key")
    parameters: tuple[Parameter, ...] = ()
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One header or query parameter of an endpoint; `place` is "header" or "query"."""

    name: str
    place: str
    description: str
    required: bool = False
    pattern: str | None = None
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a request says beside its body. `headers` is case-insensitive; absent values are None.

    `request_id` is the client's own where it sent one; `own_id` is a new UUID for each request, for whatever an API
    gives an id in its answers.
    """

    endpoint: Endpoint
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at: int
    request_id: str
    own_id: str
    client: Client
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """One valid event: its bytes as they were sent, its routing key, and what the request says beside it."""

    event: bytes
    key: str | None
    context: Context = NO_CONTEXT


@dataclass(frozen=True, slots=True)
class Identified:
    """The events of a request whose user has been found, and which identifiers mean that user from now on."""

    events: Sequence[Received]
    links: Sequence[Link] = ()

    @property
    def users(self) -> frozenset[Identifier]:
        """Whom the links mean, each by the id that never changes."""
        return frozenset(Identifier(link.identifier.project, "id", link.known.user_id) for link in self.links)


@dataclass(frozen=True, slots=True)
class Lookup:
    """How a request's user is to be found.

    `identifiers` are those that the request names; who gets its turn by them, and by the users whom its links mean,
    changes them alone. `identify` gives the events; it may be called again when another request changes what one of
    the identifiers means. It raises `Invalid` for a user who is not known.
    """

    identifiers: frozenset[Identifier]
    identify: Callable[[Users], Identified]


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid request: `cost` is what it counts for its limit.

    Where an API knows users, `lookup` finds the request's one and gives the events, and `events` is empty.
    """

    endpoint: Endpoint
    cost: int
    events: Sequence[Received] = ()
    lookup: Lookup | None = None


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
    """One API. Each function is called at most once for a request, in this order, `refuse` at any point.

    `ERROR` is the type of every answer but the accepting one, and `CONTENT_TYPE` the media type of them.
    """

    API: Api
    ENDPOINTS: tuple[Endpoint, ...]
    ERROR: Any
    CONTENT_TYPE: str

    def authenticate(self, head: Head, keys: KeyRing) -> Key:
        """Find the key wherever this API's clients put it.

        Raises `Unauthenticated` where there is none that is known and has not expired.
        """

    def authorize(self, head: Head, key: Key) -> None:
        """Check that the key may be used here. Raises `Forbidden`."""

    def metering(self, head: Head, key: Key) -> Metering:
        """Give the limit that the request counts on."""

    def read(self, head: Head, key: Key, body: bytes) -> Reading:
        """Parse and validate a body: all of its events are valid, or none is taken.

        Raises `Malformed` or `Invalid`, in the words of this API's document.
        """

    def accept(self, head: Head, reading: Reading, now_ms: int) -> Reply:
        """Give the answer to a request whose events are durable."""

    def refuse(self, head: Head, problem: Problem, now_ms: int) -> Reply:
        """Give the answer to a request that was not accepted."""

    def rate_headers(self, decision: Decision, now_ms: int) -> Headers:
        """Give the headers that tell where a limit stands; the decision has one state for each of its rules."""


STATUS: Mapping[type[Exception], int] = MappingProxyType(
    {
        Malformed: 400,
        Invalid: 400,
        Unauthenticated: 401,
        Forbidden: 403,
        WrongMethod: 405,
        TooSlow: 408,
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
