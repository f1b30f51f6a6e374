"""The proxy before a server that notes what it was asked, and answers it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.chaos.faults import Cut
from tests.chaos.http_message import MARK, read_message, target
from tests.chaos.proxy import Proxy, Trap

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Callable

INSERT = (
    b"POST /?query=INSERT+INTO+%60sluice%60.event_log+FORMAT+Native&wait_end_of_query=1 HTTP/1.1\r\n"
    b"Content-Length: 4\r\n\r\nrows"
)
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\nINSERT INTO sluice.feed rows\r\n0\r\n\r\n"
SELECT = b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nSELECT 1"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOk"
REFUSAL = ANSWER.replace(b"200 OK", b"500 No")
EVENT_LOG = frozenset({"event_log"})


class Store:
    """Notes each request, and the bytes of one that broke off."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.broken: list[bytes] = []
        self.seen = asyncio.Event()
        self.answer = ANSWER

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while request := await read_message(reader):
                self.requests.append(request)
                writer.write(self.answer)
        except asyncio.IncompleteReadError as error:
            self.broken.append(error.partial)
        self.seen.set()
        writer.close()


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
async def proxy(store: Store) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    yield proxy
    await proxy.close()
    server.close()


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Callable[[bytes], asyncio.Future[bytes]]]:
    """Connect, and give what sends a request and reads all that comes back of one answer."""
    port = int((await proxy.start()).rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(request: bytes) -> bytes:
        writer.write(request)
        answer = b""
        while len(answer) < len(ANSWER) and (more := await reader.read(4096)):
            answer += more
        return answer

    async with asyncio.timeout(20):
        yield lambda request: asyncio.ensure_future(ask(request))
    writer.close()


@pytest.mark.parametrize("request_", [INSERT, CHUNKED, SELECT])
async def test_without_a_trap_requests_pass_unchanged(proxy: Proxy, store: Store, request_: bytes):
    async with connected(proxy) as ask:
        assert await ask(request_) == ANSWER
        assert await ask(request_) == ANSWER
    assert store.requests == [request_, request_]


async def test_a_dropped_answer_belongs_to_an_insert_that_was_passed_on_whole(proxy: Proxy, store: Store):
    trap = Trap(Cut.NO_ANSWER, EVENT_LOG)
    proxy.set(trap)
    async with connected(proxy) as ask:
        assert await ask(INSERT) == b""
    assert store.requests == [INSERT]
    assert (trap.struck, trap.sprung.is_set()) == (1, True)


async def test_a_request_that_is_cut_arrives_by_half(proxy: Proxy, store: Store):
    trap = Trap(Cut.REQUEST, EVENT_LOG)
    proxy.set(trap)
    async with connected(proxy) as ask:
        assert await ask(INSERT) == b""
        await store.seen.wait()
    assert store.requests == []
    assert len(store.broken) == 1
    assert trap.struck == 1


async def test_an_answer_that_is_cut_comes_by_half(proxy: Proxy, store: Store):
    proxy.set(Trap(Cut.ANSWER, EVENT_LOG))
    async with connected(proxy) as ask:
        assert await ask(INSERT) == ANSWER[: len(ANSWER) // 2]
    assert store.requests == [INSERT]


async def test_a_delayed_insert_is_passed_on_all_the_same(proxy: Proxy, store: Store):
    trap = Trap(Cut.DELAY, EVENT_LOG, delay_s=0.001)
    proxy.set(trap)
    async with connected(proxy) as ask:
        assert await ask(INSERT) == ANSWER
    assert trap.struck == 1


async def test_what_a_trap_calls_is_called_when_the_insert_is_on_its_way(proxy: Proxy, store: Store):
    called: list[str] = []
    proxy.set(Trap(Cut.NONE, EVENT_LOG, then=lambda: called.append("now")))
    async with connected(proxy) as ask:
        assert await ask(INSERT) == ANSWER
    assert called == ["now"]


async def test_before_a_delay_the_insert_is_not_on_its_way_yet(proxy: Proxy, store: Store):
    before: list[int] = []
    proxy.set(Trap(Cut.DELAY, EVENT_LOG, delay_s=0.001, then=lambda: before.append(len(store.requests))))
    async with connected(proxy) as ask:
        assert await ask(INSERT) == ANSWER
    assert before == [0]


@pytest.mark.parametrize("cut", [Cut.NO_ANSWER, Cut.ANSWER])
async def test_an_answer_that_refuses_the_insert_passes_and_the_trap_waits_on(proxy: Proxy, store: Store, cut: Cut):
    trap = Trap(cut, EVENT_LOG)
    proxy.set(trap)
    store.answer = REFUSAL
    async with connected(proxy) as ask:
        assert await ask(INSERT) == REFUSAL
        store.answer = ANSWER
        assert trap.struck == 0
        assert await ask(INSERT) != ANSWER
    assert trap.struck == 1


async def test_a_trap_that_failed_for_clickhouse_was_away_waits_on():
    nobody = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    proxy = Proxy(nobody.sockets[0].getsockname()[1])
    nobody.close()
    await nobody.wait_closed()
    trap = Trap(Cut.NO_ANSWER, EVENT_LOG)
    proxy.set(trap)
    async with connected(proxy) as ask:
        assert await ask(INSERT) == b""
    assert (trap.struck, trap.is_set) == (0, True)
    await proxy.close()


@pytest.mark.parametrize("other", [SELECT, CHUNKED])
async def test_a_trap_waits_for_its_own_table(proxy: Proxy, other: bytes):
    trap = Trap(Cut.NO_ANSWER, EVENT_LOG)
    proxy.set(trap)
    async with connected(proxy) as ask:
        assert await ask(other) == ANSWER
    assert (trap.struck, trap.sprung.is_set()) == (0, False)


async def test_a_trap_strikes_as_often_as_it_may_and_no_more(proxy: Proxy):
    trap = Trap(Cut.DELAY, EVENT_LOG, times=2)
    proxy.set(trap)
    async with connected(proxy) as ask:
        for _ in range(3):
            assert await ask(INSERT) == ANSWER
    assert trap.struck == 2


async def test_a_trap_that_was_taken_away_does_not_strike(proxy: Proxy):
    trap = Trap(Cut.NO_ANSWER, EVENT_LOG)
    proxy.set(trap)
    proxy.remove(trap)
    async with connected(proxy) as ask:
        assert await ask(INSERT) == ANSWER


async def test_while_clickhouse_is_away_a_client_loses_its_connection():
    nobody = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    proxy = Proxy(nobody.sockets[0].getsockname()[1])
    nobody.close()
    await nobody.wait_closed()
    async with connected(proxy) as ask:
        assert await ask(SELECT) == b""
    await proxy.close()


@pytest.mark.parametrize(
    ("request_", "table"),
    [
        (b"POST / HTTP/1.1\r\n\r\nINSERT INTO sluice.event_log (a) FORMAT Native\nrows", "event_log"),
        (b"POST /?query=insert+into+event_log HTTP/1.1\r\n\r\n", "event_log"),
        (b"POST / HTTP/1.1\r\n\r\nINSERT INTO `sluice`.`feed` SELECT 1", "feed"),
        (CHUNKED, "feed"),
        (SELECT, None),
        (b"POST / HTTP/1.1\r\n\r\nSELECT max(source_offset), argMax(block_first, source_offset) FROM t", MARK),
        (b"POST / HTTP/1.1\r\n\r\n", None),
    ],
)
def test_what_a_request_is_about_is_found_in_the_url_or_in_the_body(request_: bytes, table: str | None):
    assert target(request_) == table
