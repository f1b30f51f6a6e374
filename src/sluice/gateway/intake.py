"""One request's way through the gateway, the same for every dialect.

The order of checks is part of the contract: path, method, 415, 413, 401 or 403, parse, shape, limit, user look-up.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from sluice.contract import raw
from sluice.contract.consent import consent_of
from sluice.contract.errors import (
    Forbidden,
    Malformed,
    Reject,
    Retry,
    Throttled,
    TooSlow,
    UnsupportedEncoding,
    WrongMethod,
)
from sluice.contract.event import Consent
from sluice.gateway.batching import Line
from sluice.gateway.body import read_body
from sluice.gateway.decoding import ACCEPTED_ENCODINGS
from sluice.gateway.dialects.port import RETRY_AFTER_S, Head, Headers, problem_of
from sluice.gateway.head import head_of, refuse_long_idempotency_key
from sluice.gateway.load import Load
from sluice.gateway.metrics import Metrics
from sluice.gateway.proxies import TrustedProxies
from sluice.gateway.users.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sluice.gateway.coalescer import Coalescer
    from sluice.gateway.dialects.port import Dialect, Endpoint, Identified, Lookup, Metering, Reading, Received
    from sluice.gateway.ids import NewId
    from sluice.gateway.keys import Key, KeyRing
    from sluice.gateway.limits.port import Decision, Limiter
    from sluice.gateway.load import Share
    from sluice.gateway.users.port import Identifier, UserDirectory
    from sluice.role.clock import Clock

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Admission:
    """Who sends a request, why it is forbidden, what it counts on, and, once it was counted, where that stands."""

    key: Key
    metering: Metering
    refusal: Forbidden | None = None
    decision: Decision | None = None


@dataclass(frozen=True)
class Intake:
    """Takes requests in: everything that handling one needs."""

    keys: KeyRing
    limiter: Limiter
    users: UserDirectory
    coalescer: Coalescer
    clock: Clock
    new_id: NewId
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    load: Load = field(default_factory=Load)
    metrics: Metrics = field(default_factory=Metrics)
    body_timeout_s: float = 30
    turns: Turns = field(default_factory=Turns)

    def handler(self, dialect: Dialect, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Give aiohttp's handler of one endpoint, for all methods."""
        tally = self.metrics.tally(dialect.API, endpoint.name)

        async def handle(request: web.Request) -> web.Response:
            began = perf_counter()
            head = head_of(request, endpoint, self.clock(), self.new_id(), self.proxies)
            admission: _Admission | Reject | None = None
            headers: Headers = {}
            try:
                admission = _admit(dialect, head, self.keys)
                with self.load.request() as share:
                    reading = await self._take(dialect, head, admission, request, share)
                reply = dialect.accept(head, reading, self.clock())
            except Exception as error:
                problem = problem_of(error)
                if problem.status == 500:
                    log.exception("request %s failed", head.request_id)
                reply = dialect.refuse(head, problem, self.clock())
                headers = _headers_of(error, endpoint)
            if isinstance(admission, _Admission):
                headers |= await self._rate_headers(dialect, admission)
            tally.answered(reply.status, perf_counter() - began, request.content.total_bytes)
            return web.Response(
                status=reply.status,
                body=reply.body,
                content_type=reply.content_type,
                headers=reply.headers | headers,
            )

        return handle

    async def _take(
        self, dialect: Dialect, head: Head, admission: _Admission | Reject, request: web.Request, share: Share
    ) -> Reading:
        if request.method != head.endpoint.method:
            raise WrongMethod("Method not allowed")
        body: bytes | Malformed
        refusal = admission if isinstance(admission, Reject) else admission.refusal
        hold = share.hold if refusal is None else share.hold_for_stranger
        try:
            body = await read_body(request, hold, self.body_timeout_s, keep=refusal is None)
        except Malformed as broken:
            body = broken
        if isinstance(admission, Reject):
            raise admission
        if admission.refusal is not None:
            raise admission.refusal
        if isinstance(body, Malformed):
            raise body
        share.work()
        refuse_long_idempotency_key(head)
        reading = dialect.read(head, admission.key, body)
        await self._count(admission, reading.cost)
        try:
            published = await self._publish(dialect, head, admission.key, reading)
        except (Retry, Reject):
            await self._uncount(admission, reading.cost)
            raise
        self.metrics.accepted(dialect.API, admission.key.project, published)
        return reading

    async def _publish(self, dialect: Dialect, head: Head, key: Key, reading: Reading) -> int:
        """Make the events durable; give how many they are."""
        if reading.lookup is None:
            await self.coalescer.submit(self._lines(dialect, head, key, reading.events))
            return len(reading.events)
        identified = reading.lookup.identify(self.users)
        if identified.links:
            return await self._publish_in_turn(dialect, head, key, reading.lookup, identified.users)
        await self.coalescer.submit(self._lines(dialect, head, key, identified.events))
        return len(identified.events)

    async def _publish_in_turn(
        self, dialect: Dialect, head: Head, key: Key, lookup: Lookup, users: frozenset[Identifier]
    ) -> int:
        """Publish and link while nobody else changes these users, by whatever name, nor what the names mean."""
        names = lookup.identifiers
        while True:
            names |= users
            async with self.turns.alone(names):
                identified = lookup.identify(self.users)
                users = identified.users
                if not identified.links:
                    break  # those before have linked it all: what is left keeps nobody waiting
                if users <= names:  # else the names have come to mean others, who may be changing
                    await self._publish_and_link(self._lines(dialect, head, key, identified.events), identified)
                    return len(identified.events)
        await self.coalescer.submit(self._lines(dialect, head, key, identified.events))
        return len(identified.events)

    async def _publish_and_link(self, lines: list[Line], identified: Identified) -> None:
        """Wait for both, also when one fails: the next one's turn comes when this one's links are known."""
        done = await asyncio.gather(
            self.coalescer.submit(lines), self.users.save(identified.links), return_exceptions=True
        )
        for failure in done:
            if failure is not None:
                raise failure

    def _lines(self, dialect: Dialect, head: Head, key: Key, events: Sequence[Received]) -> list[Line]:
        return [
            Line(
                event.key,
                raw.encode(
                    raw.RawLine(
                        id=self.new_id(),
                        request_id=head.request_id,
                        index=index,
                        project=key.project,
                        api=dialect.API,
                        received_at=head.received_at,
                        key=event.key,
                        idempotency_key=head.idempotency_key,
                        client=_client_of(head, dialect, event),
                        event=msgspec.Raw(event.event),
                        context=event.context,
                    )
                ),
            )
            for index, event in enumerate(events)
        ]

    async def _count(self, admission: _Admission, cost: int) -> None:
        metering = admission.metering
        if not metering.rules:
            return
        admission.decision = await self.limiter.take(metering.bucket, metering.rules, cost)
        if not admission.decision.passed:
            raise Throttled("Rate limit exceeded", admission.decision.retry_after_s)

    async def _uncount(self, admission: _Admission, cost: int) -> None:
        metering, taken = admission.metering, admission.decision
        if taken is not None:
            await self.limiter.give_back(metering.bucket, metering.rules, cost, taken)
            admission.decision = None

    async def _rate_headers(self, dialect: Dialect, admission: _Admission) -> Headers:
        metering = admission.metering
        if not metering.rules:
            return {}
        decision = admission.decision or await self.limiter.take(metering.bucket, metering.rules, 0)
        return dialect.rate_headers(decision, self.clock()) if decision.states else {}


def _client_of(head: Head, dialect: Dialect, event: Received) -> raw.Client:
    """Give who sent an event: without an address where that person denied consent."""
    denied = consent_of(dialect.API, event.event) is Consent.DENIED
    return raw.Client(user_agent=head.client.user_agent) if denied else head.client


def _admit(dialect: Dialect, head: Head, keys: KeyRing) -> _Admission | Reject:
    """Find out at once who sends, since every answer tells of the limit; a refusal is kept until it is its turn."""
    try:
        key = dialect.authenticate(head, keys)
    except Reject as unknown:
        return unknown
    admission = _Admission(key, dialect.metering(head, key))
    try:
        dialect.authorize(head, key)
    except Forbidden as refusal:
        admission.refusal = refusal
    return admission


def _headers_of(error: Exception, endpoint: Endpoint) -> Headers:
    match error:
        case Throttled():
            return {"Retry-After": str(error.retry_after_s)}
        case Retry():
            return {"Retry-After": str(RETRY_AFTER_S)}
        case TooSlow():
            return {"Connection": "close"}
        case WrongMethod():
            return {"Allow": f"{endpoint.method}, OPTIONS"}
        case UnsupportedEncoding():
            return {"Accept-Encoding": ACCEPTED_ENCODINGS}
        case _:
            return {}
