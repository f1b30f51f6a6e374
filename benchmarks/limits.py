"""How many takes one gateway's limiter does: `python -m benchmarks.limits`.

In memory, and in a real Redis on this machine, which shares its cores. Figures are takes a second, and microseconds
of this process's CPU for each; for Redis also those of the server's own.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

import uvloop
from tests.integration.redis_server import RedisServer

from sluice.contract.projects import FixedWindow, SlidingWindow, TokenBucket
from sluice.gateway.limits.fail_open import FailOpen
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.limits.redis import RedisLimiter, connect
from sluice.role.clock import monotonic_clock

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from sluice.contract.projects import Rule
    from sluice.gateway.limits.port import Limiter

MANY = 10**9
RULES: dict[str, tuple[Rule, ...]] = {
    "token bucket": (TokenBucket(capacity=MANY, refill=10_000, per_s=60),),
    "fixed window": (FixedWindow(limit=MANY, per_s=60),),
    "sliding, 10 in 1 s and 150 in 60 s": (SlidingWindow(limit=10, per_s=1), SlidingWindow(limit=150, per_s=60)),
}


async def takes(limiter: Limiter, rules: tuple[Rule, ...], at_once: int, seconds: float) -> tuple[float, float]:
    """Give takes a second and CPU-seconds a take; each of the tasks has a bucket of its own."""
    started, used = time.perf_counter(), time.process_time()

    async def one(bucket: str) -> int:
        done = 0
        while time.perf_counter() < started + seconds:
            await limiter.take(bucket, rules, 1)
            done += 1
        return done

    done = sum(await asyncio.gather(*(one(f"bucket-{number}") for number in range(at_once))))
    return done / (time.perf_counter() - started), (time.process_time() - used) / done


async def server_cpu_s(client: Redis) -> float:
    used = await client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


async def measure(url: str, seconds: float) -> None:
    for name, rules in RULES.items():
        rate, cpu_s = await takes(FailOpen(MemoryLimiter(monotonic_clock), monotonic_clock), rules, 1, seconds)
        print(f"memory, {name}: {rate:,.0f}/s, {cpu_s * 1e6:.1f} us")
    async with connect(url) as client:
        for name, rules in RULES.items():
            for at_once in (1, 32):
                await client.flushall()
                limiter = FailOpen(RedisLimiter(client, timeout_s=10), monotonic_clock)
                before = await server_cpu_s(client)
                rate, cpu_s = await takes(limiter, rules, at_once, seconds)
                server_s = (await server_cpu_s(client) - before) / (rate * seconds)
                assert not limiter.failures
                print(
                    f"Redis, {name}, {at_once} at once: {rate:,.0f}/s, {cpu_s * 1e6:.1f} us here, "
                    f"{server_s * 1e6:.1f} us in Redis"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    server = RedisServer()
    server.start()
    try:
        uvloop.run(measure(server.url, options.seconds))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
