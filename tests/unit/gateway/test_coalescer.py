from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from sluice.contract.errors import Retry
from sluice.contract.raw import RECORD_BYTES
from sluice.contract.routing import partition_of
from sluice.gateway.batching import Line
from sluice.gateway.coalescer import Coalescer
from sluice.gateway.publishing.memory import MemoryPublisher


class GatedPublisher(MemoryPublisher):
    """Acknowledges a partition's records only once its gate is opened; `failing` partitions never succeed."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = {partition: asyncio.Event() for partition in range(4)}
        self.failing: set[int] = set()
        self.waiting = 0

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        self.waiting += 1
        await self.gates[partition].wait()
        if partition in self.failing:
            raise Retry("gone")
        return await super().publish(partition, value, key)


@asynccontextmanager
async def coalescer_with(publisher: MemoryPublisher, linger_ms: float = 3_600_000, max_pending_bytes: int = 1 << 28):
    coalescer = Coalescer(publisher, 4, linger_ms=linger_ms, max_pending_bytes=max_pending_bytes)
    yield coalescer
    await coalescer.close()


def submit(coalescer: Coalescer, *lines: Line) -> asyncio.Task[None]:
    return asyncio.create_task(coalescer.submit(lines))


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


KEYS = {partition_of(f"key{number}", 4): f"key{number}" for number in range(100)}


def line(partition: int, text: bytes = b"x") -> Line:
    return Line(KEYS[partition], text)


async def test_nothing_is_published_before_the_linger_time_is_over():
    publisher = MemoryPublisher()
    async with coalescer_with(publisher) as coalescer:
        waiting = [submit(coalescer, Line(None, b"a")), submit(coalescer, Line(None, b"b"))]
        await asyncio.wait(waiting, timeout=0.02)
        assert not publisher.records
        coalescer.flush()
        await asyncio.gather(*waiting)
        assert publisher.records == [(0, b"a\nb\n")]


async def test_the_linger_time_ends_by_itself():
    publisher = MemoryPublisher()
    async with coalescer_with(publisher, linger_ms=1) as coalescer, asyncio.timeout(5):
        await coalescer.submit([Line(None, b"a")])
        await coalescer.submit([Line(None, b"b")])
        assert publisher.records == [(0, b"a\n"), (1, b"b\n")]


async def test_a_full_record_does_not_wait():
    publisher = MemoryPublisher()
    async with coalescer_with(publisher) as coalescer, asyncio.timeout(5):
        await coalescer.submit([Line(None, b"x" * RECORD_BYTES)])
        assert len(publisher.records) == 1


async def test_a_request_is_answered_when_all_its_records_are_acknowledged():
    publisher = GatedPublisher()
    async with coalescer_with(publisher, linger_ms=0) as coalescer:
        both = submit(coalescer, line(1), line(2), line(1))
        await until(lambda: publisher.waiting == 2)
        publisher.gates[1].set()
        await until(lambda: len(publisher.records) == 1)
        await asyncio.wait([both], timeout=0.02)
        assert not both.done()
        publisher.gates[2].set()
        await both


async def test_a_request_fails_when_one_of_its_records_does_and_others_do_not():
    publisher = GatedPublisher()
    publisher.failing = {1}
    async with coalescer_with(publisher) as coalescer:
        half, other = submit(coalescer, line(1), line(2)), submit(coalescer, line(2))
        await asyncio.sleep(0)
        coalescer.flush()
        for gate in publisher.gates.values():
            gate.set()
        with pytest.raises(Retry):
            await half
        await other


async def test_too_much_waiting_is_refused_until_it_is_acknowledged():
    publisher = GatedPublisher()
    async with coalescer_with(publisher, linger_ms=0, max_pending_bytes=100) as coalescer:
        large = submit(coalescer, line(1, b"x" * 200))  # alone it passes, however large
        await until(lambda: publisher.waiting == 1)
        with pytest.raises(Retry):
            await coalescer.submit([line(2)])
        for gate in publisher.gates.values():
            gate.set()
        await large
        await coalescer.submit([line(2)])


async def test_failed_records_no_longer_count_as_waiting():
    publisher = MemoryPublisher()
    async with coalescer_with(publisher, linger_ms=0, max_pending_bytes=100) as coalescer:
        publisher.away = True
        for _ in range(5):
            with pytest.raises(Retry):
                await coalescer.submit([line(1, b"x" * 90)])
        publisher.away = False
        await coalescer.submit([line(1, b"x" * 90)])


async def test_who_goes_away_does_not_take_its_lines_along():
    publisher = GatedPublisher()
    async with coalescer_with(publisher, linger_ms=0) as coalescer:
        gone = submit(coalescer, line(1, b"a"))
        await until(lambda: publisher.waiting == 1)
        gone.cancel()
        await asyncio.wait([gone])
        publisher.gates[1].set()
    assert publisher.records == [(1, b"a\n")]


async def test_closing_publishes_what_is_pending():
    publisher = MemoryPublisher()
    async with coalescer_with(publisher) as coalescer:
        waiting = submit(coalescer, Line(None, b"a"))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await waiting
    assert publisher.records == [(0, b"a\n")]


async def test_nothing_to_submit_is_done_at_once():
    async with coalescer_with(MemoryPublisher()) as coalescer:
        await coalescer.submit([])
