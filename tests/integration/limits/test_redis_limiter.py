"""What the limiter in Redis does beyond what every limiter does: expiry, sharing, and telling of what fails."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.integration.redis_server import RedisServer

from sluice.contract.errors import Retry
from sluice.contract.projects import FixedWindow, Rule, SlidingWindow, TokenBucket
from sluice.gateway.limits.fail_open import FailOpen
from sluice.gateway.limits.port import UNCOUNTED, Decision, Limiter
from sluice.gateway.limits.redis import RedisLimiter, connect
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from redis.asyncio import Redis

BUCKET = TokenBucket(capacity=1000, refill=1000, per_s=60)
WINDOW = FixedWindow(limit=1000, per_s=60)
SLIDING = SlidingWindow(limit=1000, per_s=60)
ALL = (BUCKET, WINDOW, SLIDING)

EACH_KIND = pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.kind)

GENEROUS_S = 30.0
"""For calls that must not time out on a busy machine."""
SOON_S = 15.0


class Clock:
    now_ms = 1_703_001_234_567

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def limiter(redis: Redis) -> RedisLimiter:
    """Goes by the server's own time."""
    return RedisLimiter(redis, timeout_s=GENEROUS_S)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that a test may treat badly."""
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def limiter_at(url: str, timeout_s: float = GENEROUS_S) -> AsyncIterator[RedisLimiter]:
    async with connect(url) as client:
        yield RedisLimiter(client, timeout_s=timeout_s)


async def take(limiter: Limiter, cost: int = 1, *rules: Rule, bucket: str = "a") -> Decision:
    return await limiter.take(bucket, rules or (WINDOW,), cost)


async def soon(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + SOON_S
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


class TestKeys:
    async def test_a_bucket_is_one_key_whatever_its_rules(self, redis: Redis, limiter: RedisLimiter):
        await take(limiter, 1, *ALL)
        assert len(await redis.keys("sluice:limit:a:*")) == await redis.dbsize() == 1

    async def test_a_bucket_is_kept_until_everything_passes_again(self, redis: Redis, limiter: RedisLimiter):
        decision = await take(limiter, 1, *ALL)
        (key,) = await redis.keys()
        assert 0 < await redis.pttl(key) <= max(state.reset_ms for state in decision.states)

    async def test_a_bucket_is_gone_when_everything_passes_again(self, redis: Redis, limiter: RedisLimiter):
        await take(limiter, 5, TokenBucket(capacity=10, refill=100, per_s=1))
        assert await redis.dbsize() == 1

        async def gone() -> bool:
            return not await redis.keys()

        await soon(gone)

    async def test_with_another_clock_a_bucket_is_kept_longer(self, redis: Redis):
        await take(RedisLimiter(redis, timeout_s=GENEROUS_S, clock=Clock()), 5)
        (key,) = await redis.keys()
        assert await redis.pttl(key) > 3_600_000

    @EACH_KIND
    async def test_who_only_looks_or_is_refused_leaves_nothing(self, redis: Redis, limiter: RedisLimiter, rule: Rule):
        await take(limiter, 0, rule)
        await take(limiter, 1001, rule)
        assert await redis.keys() == []

    @EACH_KIND
    async def test_who_gives_all_back_leaves_nothing(self, redis: Redis, limiter: RedisLimiter, rule: Rule):
        taken = await take(limiter, 5, rule)
        await limiter.give_back("a", (rule,), 5, taken)
        assert await redis.keys() == []

    async def test_a_sliding_window_remembers_no_more_than_its_length(self, redis: Redis):
        clock = Clock()
        limiter = RedisLimiter(redis, timeout_s=GENEROUS_S, clock=clock)
        sizes = set()
        for _ in range(100):
            assert (await take(limiter, 1, SlidingWindow(limit=10, per_s=1))).passed
            (key,) = await redis.keys()
            sizes.add(await redis.strlen(key))
            clock.now_ms += 100
        assert max(sizes) < 100


class TestTime:
    async def test_it_is_the_servers(self, redis: Redis, limiter: RedisLimiter):
        before, decision, after = await redis.time(), await take(limiter), await redis.time()
        assert before[0] * 1000 + before[1] // 1000 <= decision.at_ms <= after[0] * 1000 + after[1] // 1000

    async def test_it_passes(self, limiter: RedisLimiter):
        rule = SlidingWindow(limit=1, per_s=1)
        await take(limiter, 1, rule)

        async def passes() -> bool:
            return (await take(limiter, 1, rule)).passed

        await soon(passes)

    @EACH_KIND
    async def test_when_it_goes_back_the_wait_stays_as_it_was(self, redis: Redis, rule: Rule):
        clock = Clock()
        limiter = RedisLimiter(redis, timeout_s=GENEROUS_S, clock=clock)
        await take(limiter, 1000, rule)
        clock.now_ms += 10
        wait_ms = (await take(limiter, 500, rule)).states[0].retry_after_ms
        clock.now_ms -= 86_400_000
        # What passed since the last request that counted is forgotten with the clock that it was seen on.
        assert (await take(limiter, 500, rule)).states[0].retry_after_ms == wait_ms + 10
        clock.now_ms += wait_ms + 9
        assert not (await take(limiter, 500, rule)).passed
        clock.now_ms += 1
        assert (await take(limiter, 500, rule)).passed

    @EACH_KIND
    async def test_when_it_goes_back_what_was_just_taken_can_be_given_back(self, redis: Redis, rule: Rule):
        clock = Clock()
        limiter = RedisLimiter(redis, timeout_s=GENEROUS_S, clock=clock)
        taken = await take(limiter, 5, rule)
        clock.now_ms -= 1000
        await limiter.give_back("a", (rule,), 5, taken)
        assert (await take(limiter, 0, rule)).states[0].remaining == 1000


class TestGateways:
    @EACH_KIND
    async def test_together_they_let_no_more_pass_than_the_limit(self, redis_server: RedisServer, redis: Redis, rule):
        slow = rule.model_copy(update={"per_s": 86_400})
        async with limiter_at(redis_server.url) as one, limiter_at(redis_server.url) as other:
            decisions = await asyncio.gather(
                *(take(limiter, 7, slow) for _ in range(100) for limiter in (one, other))
            )
        assert sum(decision.passed for decision in decisions) == 1000 // 7


class TestFailures:
    async def test_nobody_listens(self):
        async with limiter_at(f"redis://127.0.0.1:{free_port()}/0") as limiter:
            with pytest.raises(Retry, match="Connect call failed"):
                await take(limiter)
            with pytest.raises(Retry):
                await limiter.give_back("a", ALL, 1, UNCOUNTED)

    async def test_a_server_that_hangs_is_given_up_after_the_timeout(self, own_redis: RedisServer):
        async with limiter_at(own_redis.url, timeout_s=0.05) as limiter:
            own_redis.send_signal(signal.SIGSTOP)
            with pytest.raises(Retry, match="does not answer within 50 ms"):
                await take(limiter)

    async def test_answers_that_come_too_late_are_not_taken_for_others(self, own_redis: RedisServer):
        async with connect(own_redis.url) as client:
            patient = RedisLimiter(client, timeout_s=GENEROUS_S)
            hasty = RedisLimiter(client, timeout_s=0.001)  # ends while the commands are being sent
            await asyncio.gather(*(take(patient) for _ in range(200)))
            own_redis.send_signal(signal.SIGSTOP)
            lost = await asyncio.gather(*(take(hasty, bucket="b") for _ in range(200)), return_exceptions=True)
            assert {repr(error) for error in lost} == {"Retry('Redis does not answer within 1 ms')"}
            own_redis.send_signal(signal.SIGCONT)
            decisions = await asyncio.gather(*(take(patient, bucket="c") for _ in range(50)))
        assert sorted(decision.states[0].remaining for decision in decisions) == list(range(950, 1000))

    async def test_a_script_that_the_server_forgot_is_sent_again(self, redis: Redis, limiter: RedisLimiter):
        await take(limiter)
        await redis.script_flush()
        assert (await take(limiter)).states[0].remaining == 998

    async def test_a_server_that_started_again_costs_no_request(self, own_redis: RedisServer):
        async with limiter_at(own_redis.url) as limiter:
            await asyncio.gather(*(take(limiter) for _ in range(20)))
            own_redis.kill()
            await asyncio.to_thread(own_redis.start)
            await asyncio.gather(*(take(limiter) for _ in range(20)))
            assert (await take(limiter)).states[0].remaining == 979

    async def test_a_replica_that_may_not_be_written_to(self, own_redis: RedisServer):
        async with connect(own_redis.url) as client:
            await client.replicaof("127.0.0.1", free_port())
            with pytest.raises(Retry, match="read only replica"):
                await take(RedisLimiter(client, timeout_s=GENEROUS_S))

    async def test_a_server_without_memory(self, own_redis: RedisServer):
        async with connect(own_redis.url) as client:
            await client.config_set("maxmemory", 1)
            with pytest.raises(Retry, match="maxmemory"):
                await take(RedisLimiter(client, timeout_s=GENEROUS_S))

    async def test_a_wrong_password_is_not_said(self, own_redis: RedisServer):
        async with connect(own_redis.url) as client:
            await client.config_set("requirepass", "right")
        async with limiter_at(own_redis.url.replace("//", "//:s3cret@")) as limiter:
            with pytest.raises(Retry, match="password") as refused:
                await take(limiter)
        assert "s3cret" not in f"{refused.value!r}"

    @pytest.mark.parametrize(
        "answer",
        [
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "CLUSTERDOWN The cluster is down",
            "MOVED 3999 127.0.0.1:1",
            "NOREPLICAS Not enough good replicas to write.",
            "BUSY Redis is busy running a script.",
            "NOPERM this user has no permissions to run the 'evalsha' command",
            "ERR unknown command 'EVALSHA'",
        ],
    )
    async def test_a_server_that_answers_with_an_error(self, answer: str):
        async with _server_that_says(f"-{answer}\r\n") as url, limiter_at(url) as limiter:
            with pytest.raises(Retry, match="Redis failed"):
                await take(limiter)

    async def test_a_server_that_is_none_of_redis(self):
        async with _server_that_says("HTTP/1.1 400 Bad Request\r\n\r\n") as url, limiter_at(url) as limiter:
            with pytest.raises(Retry, match="Redis failed"):
                await take(limiter)


class TestOutage:
    async def test_requests_pass_while_redis_is_dead_and_are_counted_when_it_is_back(self, own_redis: RedisServer):
        clock = Clock()
        async with limiter_at(own_redis.url) as behind:
            limiter = FailOpen(behind, clock)
            for _ in range(1000):
                await take(limiter)
            assert not (await take(limiter)).passed
            own_redis.kill()
            for _ in range(20):
                assert await take(limiter) == UNCOUNTED
                clock.now_ms += 100
            assert limiter.failures == 20
            own_redis.start()
            clock.now_ms += 1000
            assert (await take(limiter)).states[0].remaining == 999
            assert limiter.failures == 20


@asynccontextmanager
async def _server_that_says(answer: str) -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.startswith(b"*"):  # one answer to each command
                writer.write(answer.encode())
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
