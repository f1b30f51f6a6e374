"""Threads for the engine: a bounded pool for reads, another for writes, so that slow reads never starve inserts.

A request holds a place in its pool's queue while it runs, and a thread only while the engine works for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from sluice.local.clickhouse.errors import TOO_MANY_QUERIES, ClickHouseError
from sluice.local.clickhouse.jobs import LoadJob, ReadJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sluice.local.clickhouse.engine import Engine
    from sluice.local.clickhouse.settings import ClickHouseSettings

_KILL_AGAIN_S = 0.2
_log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
J = TypeVar("J", ReadJob, LoadJob)


class Lane:
    """One pool of threads and the limit of requests that may run or wait in it."""

    def __init__(self, name: str, threads: int, limit: int) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._limit = limit
        self._inside = 0

    @contextlib.contextmanager
    def admitted(self) -> Any:
        """Hold a place. Raises `ClickHouseError` when all are taken."""
        if self._inside >= self._limit:
            raise ClickHouseError(TOO_MANY_QUERIES, f"Too many simultaneous queries. Maximum: {self._limit}.")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1


class Lease(Generic[J]):
    """A job that runs for a request, step by step, and is cleared away even if the client has gone."""

    def __init__(
        self, engine: Engine, pool: ThreadPoolExecutor, job: J, tag: str, on_released: Callable[[], None]
    ) -> None:
        self.job: J = job
        self._on_released = on_released
        self._engine = engine
        self._pool = pool
        self._tag = tag
        self._step: asyncio.Future[Any] | None = None
        self._unstoppable = False

    async def do(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Execute one step of the job in a thread. When cancelled the step goes on; `release` waits for it."""
        loop = asyncio.get_running_loop()
        self._step = loop.run_in_executor(self._pool, lambda: step(*args, **kwargs))
        return await asyncio.shield(self._step)

    async def commit(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Execute a step that is not to be stopped half-way: what a client sent whole is stored even if it goes."""
        self._unstoppable = True
        return await self.do(step, *args, **kwargs)

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing runs and no connection is held."""
        return (self._step is None or self._step.done()) and not self.job.entered

    def let_go(self) -> None:
        """Say that an idle job has ended."""
        self._on_released()

    async def release(self) -> None:
        """Stop what still runs, and give the connection back."""
        loop = asyncio.get_running_loop()
        try:
            while self._step is not None and not self._step.done():
                if not self._unstoppable:
                    self.job.abandoned = True
                    await self._kill()
                await asyncio.wait([self._step], timeout=_KILL_AGAIN_S)
            if self._step is not None:
                self._step.exception()  # if the client has gone, nobody is left to be told
            if self.job.entered:
                await loop.run_in_executor(self._pool, self.job.end)
        finally:
            self._on_released()

    async def _kill(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._engine.kill, self._tag)
        except ClickHouseError as error:  # out of memory, say: it is tried again while the statement runs
            _log.warning("a statement whose client has gone could not be ended: %s", error)


class Work:
    """Everything that runs on the engine for requests."""

    def __init__(self, engine: Engine, settings: ClickHouseSettings) -> None:
        limit = settings.clickhouse_max_concurrent_queries
        self.engine = engine
        self.reads = Lane("read", settings.clickhouse_read_threads, limit)
        self.writes = Lane("write", settings.clickhouse_write_threads, limit)
        self._releases: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def lease(self, lane: Lane, job: J, tag: str, on_released: Callable[[], None]) -> AsyncIterator[Lease[J]]:
        """Run a job in a lane; `on_released` is called in any case, once the job has ended.

        Raises `ClickHouseError` when the lane is full.
        """
        lease = Lease(self.engine, lane.pool, job, tag, on_released)
        try:
            with lane.admitted():
                yield lease
        finally:
            await self._release(lease)

    async def _release(self, lease: Lease[Any]) -> None:
        """Release in a task of its own, so that cancelling the request cannot cancel it."""
        if lease.is_idle:
            lease.let_go()
            return
        task = asyncio.get_running_loop().create_task(lease.release())
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)
        await asyncio.shield(task)

    async def on_read_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Execute something short in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.reads.pool, lambda: function(*args, **kwargs))

    async def settle(self) -> None:
        """Wait for everything that is being cleared away."""
        while self._releases:
            await asyncio.wait(self._releases)

    def close(self) -> None:
        """End the threads; nothing may run any more."""
        for lane in (self.reads, self.writes):
            lane.pool.shutdown(wait=True)
