"""Rate limits in Redis: exact for any number of gateways that share one. See docs/decisions/0007-rate-limits.md."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry as Retries
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sluice.contract.durations import HOUR_MS
from sluice.contract.errors import Retry, Unusable
from sluice.contract.projects import TokenBucket
from sluice.gateway.limits.counters import fractions, window_ms
from sluice.gateway.limits.port import UNCOUNTED, Decision, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.projects import Rule
    from sluice.role.clock import Clock

_CONNECTIONS = 32
_OTHER_CLOCK_KEEP_MS = HOUR_MS
_PREFIX = "sluice:limit:"


def connect(url: str) -> Redis:
    """Give a client of the Redis at a `redis://`, `rediss://` or `unix://` URL; it connects when it is first asked.

    Nothing is asked twice: a `take` whose answer was lost would count twice.
    Raises `Unusable` when the URL is not one of these, without repeating it: it may hold a password.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=None,
            retry=Retries(NoBackoff(), retries=0),
            protocol=2,  # with 3, redis-py hands out connections that the server has closed
            socket_timeout=None,  # with one, Python 3.11's wait_for now and then swallows the end of timeout_s
        )
        # Connects nowhere, but is the first to look at the options in the URL's query.
        pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        raise Unusable(
            "SLUICE_REDIS_URL is not the URL of a Redis: redis://user:password@host:port/database, rediss:// "
            "for TLS, or unix:///path; special characters of a password are written as %XX"
        ) from None
    return Redis.from_pool(pool)


class RedisLimiter:
    """See `sluice.gateway.limits.port.Limiter`. One script, so one round trip, for whatever a bucket's rules are.

    `timeout_s` is how long a call may take, connecting included. The time is the Redis server's own, since gateways'
    clocks differ; with a clock of the caller's, Redis cannot know when a bucket is full again, and keeps it an hour
    longer.

    A bucket is one key, so that a cluster of Redis servers can hold it. The key names the rules too: gateways whose
    settings differ, as while new ones are rolled out, count side by side.
    """

    def __init__(self, client: Redis, *, timeout_s: float, clock: Clock | None = None) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._script = client.register_script(files(__package__).joinpath("take.lua").read_text("utf-8"))

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        """Count `cost` if all rules allow it."""
        if not rules:
            return UNCOUNTED
        passed, at_ms, *numbers = await self._run(bucket, tuple(rules), cost)
        states = tuple(State(_limit(rule), *numbers[index * 3 : index * 3 + 3]) for index, rule in enumerate(rules))
        return Decision(passed=bool(passed), states=states, at_ms=at_ms)

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int, taken: Decision) -> None:
        """Undo a `take`."""
        await self._run(bucket, tuple(rules), cost, counted_at_ms=taken.at_ms)

    async def _run(
        self, bucket: str, rules: tuple[Rule, ...], cost: int, counted_at_ms: int | None = None
    ) -> list[int]:
        coded = _coded(rules)
        now_ms, keep_ms = ("", 0) if self._clock is None else (self._clock(), _OTHER_CLOCK_KEEP_MS)
        args = (now_ms, keep_ms, cost, "" if counted_at_ms is None else counted_at_ms, *coded.args)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer: list[int] = await self._script([f"{_PREFIX}{bucket}:{coded.digest}"], args)
        except TimeoutError as error:
            raise Retry(f"Redis does not answer within {self._timeout_s * 1000:.0f} ms") from error
        except (RedisError, OSError) as error:
            raise Retry(f"Redis failed: {error}") from error
        return answer


@dataclass(frozen=True, slots=True)
class _Coded:
    """Rules as the script takes them."""

    args: tuple[str | int, ...]
    digest: str


@lru_cache(maxsize=4096)
def _coded(rules: tuple[Rule, ...]) -> _Coded:
    args = tuple(part for rule in rules for part in (rule.kind, _limit(rule), *_further_numbers(rule)))
    digest = hashlib.blake2b(repr(args).encode(), digest_size=8).hexdigest()
    return _Coded(args, digest)


def _limit(rule: Rule) -> int:
    return rule.capacity if isinstance(rule, TokenBucket) else rule.limit


def _further_numbers(rule: Rule) -> tuple[int, int]:
    return fractions(rule) if isinstance(rule, TokenBucket) else (window_ms(rule), 0)
