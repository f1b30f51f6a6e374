"""Choosing where limits are counted."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sluice.gateway.limits.fail_open import FailOpen
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.role.address import without_credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sluice.role.clock import Clock

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_limiter(redis_url: str, timeout_s: float, monotonic_clock: Clock) -> AsyncIterator[FailOpen]:
    """Count in the Redis at this URL, or in this process's memory where the URL is empty.

    A Redis that is away does not keep the gateway from starting. Raises `Unusable` when the URL is none of Redis.
    """
    if not redis_url:
        yield FailOpen(MemoryLimiter(monotonic_clock), monotonic_clock)
        return
    # Only a gateway that shares its limits pays for importing redis, a tenth of a second.
    from sluice.gateway.limits.redis import RedisLimiter, connect

    async with connect(redis_url) as client:
        log.info("limits are counted at %s", without_credentials(redis_url).partition("?")[0])
        yield FailOpen(RedisLimiter(client, timeout_s=timeout_s), monotonic_clock)
