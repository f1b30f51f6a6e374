"""Fixtures that every kind of test may ask for."""

from __future__ import annotations

import asyncio
import gc
import itertools
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest
from tests.integration.redis_server import RedisServer
from tests.integration.stack import DidNotStart, EmbeddedStack, RoleProcess

from sluice.contract import topics
from sluice.gateway.limits.redis import connect
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from redis.asyncio import Redis
    from tests.integration.stack import Stack

hypothesis.settings.register_profile("sluice", deadline=None)  # how long an example takes decides no test
hypothesis.settings.load_profile("sluice")

PARTITIONS = 16
"""Of the shared deployment: enough for tests to have partitions of their own."""


@pytest.fixture(autouse=True, scope="module")
def own_garbage() -> Iterator[None]:
    """Let what a module's tests have left unclosed be found while they run, and not fail those of another."""
    yield
    gc.collect()


def give_up(request: pytest.FixtureRequest, why: str) -> NoReturn:
    """End the run; say why here, since a worker of several that run side by side loses its last words."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stderr.write(f"\n{why}\n")
    pytest.exit(why, returncode=1)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """One real Kafka and one real ClickHouse for the whole run, started when the first test asks for them."""
    embedded = EmbeddedStack()
    try:
        embedded.start()
    except DidNotStart as error:
        embedded.stop()
        give_up(request, f"The test stack did not start: {error}")
    yield embedded
    embedded.stop()


@pytest.fixture(scope="session")
def deployment(stack: Stack) -> Stack:
    """The stack with Sluice's topics and schema on it."""
    asyncio.run(create_topics(stack.kafka_bootstrap, topics.ALL, partitions=PARTITIONS, replication=1))
    migrate(stack.clickhouse_url)
    return stack


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """One real Redis for the whole run, started when the first test asks for it."""
    server = RedisServer()
    try:
        server.start()
    except DidNotStart as error:
        server.stop()
        give_up(request, f"The test Redis did not start: {error}")
    yield server
    server.stop()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of the run's Redis, with nothing in it."""
    async with connect(redis_server.url) as client:
        await client.flushall()
        yield client


@pytest.fixture
def empty_clickhouse(tmp_path: Path) -> Iterator[str]:
    """The URL of a ClickHouse of its own, without a schema, into which no sink writes."""
    port = free_port()
    settings = {"SLUICE_CLICKHOUSE_PORT": str(port), "SLUICE_CLICKHOUSE_PATH": str(tmp_path / "clickhouse")}
    process = RoleProcess("clickhouse", tmp_path, settings)
    process.start()
    yield f"http://127.0.0.1:{port}"
    process.stop()


_partitions = itertools.count()


def _next_partition() -> int:
    number = next(_partitions)
    assert number < PARTITIONS, "too many tests ask for partitions of their own: raise PARTITIONS"
    return number


@pytest.fixture
def partition() -> int:
    """A partition of the shared deployment that no other test writes to directly."""
    return _next_partition()


@pytest.fixture
def other_partition() -> int:
    """One more of those."""
    return _next_partition()


def pytest_configure() -> None:
    """Let Ctrl-C mean the same wherever the tests run: what a script starts in its background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-times", type=int, default=1, help="Run so many times the usual number of fuzz cases.")


@pytest.fixture
def fuzz_times(request: pytest.FixtureRequest) -> int:
    """How many times the usual number of cases to try."""
    times: int = request.config.getoption("--fuzz-times")
    return times
