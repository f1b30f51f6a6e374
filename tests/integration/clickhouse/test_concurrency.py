"""Many requests at once: every answer exact, nobody starved, nothing left behind by those who go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import aiohttp
import pytest
from tests.integration.clickhouse.server import until


async def _ask(session, url, sql, **parameters):
    async with session.post(url, data=sql, params=parameters) as response:
        return response.status, await response.read()


def _good(n):
    """A query and its exact answer; every third streams more than one block."""
    if n % 3 == 0:
        return f"SELECT {n} FROM numbers(70000) FORMAT TSV", b"%d\n" % n * 70_000
    if n % 3 == 1:
        return f"SELECT {n} AS n, 'it''s {n}' AS s FORMAT JSONCompactEachRow", b'[%d, "it\'s %d"]\n' % (n, n)
    return f"SELECT sum(number) + {n} FROM numbers(1000) FORMAT CSVWithNames", None


def _bad(n):
    """A query that fails, before or in the middle of its answer, and a part of its text."""
    return [
        (f"SELECT nosuch{n}", b"nosuch%d" % n),
        (f"SELECT throwIf(number = 50, 'boom {n}') FROM numbers(100) SETTINGS max_block_size = 7", b"boom %d" % n),
        (f"SELECT * FROM missing_{n} FORMAT Native", b"missing_%d" % n),
        (f"SELEC {n}", b"SELEC %d" % n),
        (f"INSERT INTO FUNCTION null('a Int8') FORMAT CSV\n1\n{n},not\nx", b"CANNOT_PARSE"),
        (
            f"SELECT throwIf(number = 50, 'x{n}') FROM numbers(100) SETTINGS max_block_size = 7 FORMAT JSONCompact",
            b"x%d" % n,
        ),
    ][n % 6]


async def test_a_thousand_interleaved_failing_and_good_queries_are_answered_exactly(server):
    limit = asyncio.Semaphore(48)

    async def one(session, n):
        async with limit:
            if n % 2:
                sql, part = _bad(n)
                status, body = await _ask(session, server.url, sql)
                assert status >= 400, (sql, body)
                assert body.startswith(b"Code: "), body[:200]
                assert part in body, (sql, body[:300])
                assert body.count(b"DB::Exception") == 1
                return
            sql, expected = _good(n)
            status, body = await _ask(session, server.url, sql)
            if expected is None:
                expected = b'"plus(sum(number), %d)"\n%d\n' % (n, 499_500 + n)
            assert (status, body) == (200, expected), sql

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(one(session, n) for n in range(1000)))


async def test_the_same_in_one_session_one_after_the_other(server):
    async with aiohttp.ClientSession() as session:
        await _ask(session, server.url, "CREATE TEMPORARY TABLE kept (a UInt8)", session_id="mixed")
        for n in range(200):
            if n % 2:
                sql, part = _bad(n)
                status, body = await _ask(session, server.url, sql, session_id="mixed")
                assert status >= 400
                assert part in body
            else:
                sql, expected = _good(n)
                status, body = await _ask(session, server.url, sql, session_id="mixed")
                assert status == 200
                assert expected is None or body == expected
        assert await _ask(session, server.url, "SELECT count() FROM kept", session_id="mixed") == (200, b"0\n")


async def test_reads_beside_inserts_see_whole_blocks_only(server, table):
    rows = 1000
    done = asyncio.Event()

    async def write(session, writer):
        for block in range(20):
            data = f"{writer * 100 + block}\tx\n" * rows
            status, body = await _ask(session, server.url, data, query=f"INSERT INTO {table} FORMAT TSV")
            assert status == 200, body

    async def read(session):
        reads = 0
        while not done.is_set():
            status, body = await _ask(session, server.url, f"SELECT a, count() FROM {table} GROUP BY a")
            assert status == 200
            assert all(int(line.split(b"\t")[1]) == rows for line in body.splitlines())
            reads += 1
        return reads

    async with aiohttp.ClientSession() as session:
        readers = [asyncio.ensure_future(read(session)) for _ in range(3)]
        await asyncio.gather(*(write(session, n) for n in range(4)))
        done.set()
        assert all(await asyncio.gather(*readers))
    assert server.value(f"SELECT count() FROM {table}") == str(80 * rows)


async def test_slow_reads_do_not_keep_inserts_waiting(server, table):
    slow = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"
    async with aiohttp.ClientSession() as session:
        reads = [asyncio.ensure_future(_ask(session, server.url, slow, max_threads=1)) for _ in range(10)]
        await _until_running(session, server, "sipHash64(number) = 1", 4)
        began = time.monotonic()
        status, _ = await _ask(session, server.url, "1\tx\n", query=f"INSERT INTO {table} FORMAT TSV")
        assert status == 200
        assert time.monotonic() - began < 5
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
    until(lambda: _running(server, "sipHash64(number) = 1") == 0)


async def _until_running(session, server, text, count):
    """Wait until so many statements with this text run; asked by an insert's lane, since reads may be full."""
    deadline = time.monotonic() + 10
    sql = (
        f"INSERT INTO FUNCTION null('a UInt8') SELECT throwIf(count() >= {count}, 'now') FROM system.processes"
        f" WHERE position(query, '{text}') > 0 AND position(query, 'throwIf') = 0"
    )
    while True:
        _, body = await _ask(session, server.url, sql)
        if b"now" in body:
            return
        assert time.monotonic() < deadline, "the statements did not start"
        await asyncio.sleep(0.02)


def _running(server, text):
    return int(
        server.value(
            f"SELECT count() FROM system.processes WHERE position(query, '{text}') > 0"
            " AND position(query, 'system.processes') = 0"
        )
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 2",
        "SELECT number FROM numbers(100000000000) WHERE sipHash64(number) != 2",
        "SELECT sum(number) FROM numbers(100000000000) WHERE sipHash64(number) = 2 FORMAT JSON",
    ],
)
def test_a_client_that_goes_ends_its_query(server, sql):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(sql), sql.encode()))
        until(lambda: _running(server, "= 2"))
    until(lambda: _running(server, "= 2") == 0)


@pytest.mark.parametrize("chunked", [True, False])
def test_an_insert_that_breaks_off_leaves_nothing(server, table, chunked):
    head = f"POST /?query=INSERT+INTO+{table}+FORMAT+TSV HTTP/1.1\r\nHost: x\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else "Content-Length: 100000000\r\n\r\n"
    data = b"1\tx\n" * 500_000
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode())
        connection.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert server.value(f"SELECT count() FROM {table}") == "0"


def test_an_insert_of_any_size_needs_little_memory(start_server, tmp_path):
    """400 MB of text pass through in pieces, where the engine may take 400 MB for everything."""
    server = start_server(tmp_path, memory_bytes=400_000_000)
    server.ask("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    piece = b"".join(b"%d\t%s\n" % (n, b"x" * 90) for n in range(10_000))
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /?query=INSERT+INTO+t+FORMAT+TSV&max_insert_block_size=65536 HTTP/1.1\r\nHost: x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(420):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert server.value("SELECT count() FROM t") == "4200000"
    assert server.stop() == 0


def test_more_than_the_limit_is_refused_with_202(start_server, tmp_path):
    server = start_server(tmp_path, max_concurrent_queries=1)
    slow = b"SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 3"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(slow), slow))
        answer = until(lambda: (a := server.ask("SELECT 1")).code and a)
    assert (answer.status, answer.code) == (500, 202)
    assert answer.text.startswith("Code: 202. DB::Exception: Too many simultaneous queries. Maximum: 1.")
    until(lambda: server.ask("SELECT 1").status == 200)
    assert server.stop() == 0


def test_a_stop_lets_running_requests_finish(start_server, tmp_path):
    server = start_server(tmp_path)
    server.ask("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    sql = b"INSERT INTO t SELECT number FROM numbers(3000000) WHERE NOT ignore(sipHash64(number))"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(sql), sql))
        until(lambda: _running(server, "INSERT INTO t SELECT") or server.value("SELECT count() FROM t") != "0")
        assert server.stop() == 0
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    again = start_server(tmp_path)
    assert again.value("SELECT count() FROM t") == "3000000"
    assert again.stop() == 0


def test_a_session_ends_after_its_timeout_and_can_be_checked(server):
    assert server.ask("SELECT 1", session_id="gone", session_check=1).code == 372
    assert server.ask("SET max_threads = 2", session_id="short", session_timeout=0).status == 200
    until(lambda: server.ask("SELECT 1", session_id="short", session_timeout=0, session_check=1).code == 372)
    assert server.ask("SET max_threads = 2", session_id="closed").status == 200
    assert server.ask("SELECT 1", session_id="closed", session_check=1, close_session=1).status == 200
    assert server.ask("SELECT 1", session_id="closed", session_check=1).code == 372
    assert server.ask("SELECT 1", session_id="long", session_timeout=3601).code == 374


def test_get_in_a_session_is_read_only_and_leaves_the_session_writable(server, table):
    for _ in range(2):
        with contextlib.closing(socket.socket()):
            assert server.ask(f"DROP TABLE {table}", method="GET", session_id="g").code == 164
            assert server.ask("SELECT 1", method="GET", session_id="g").body == b"1\n"
            assert server.ask(f"INSERT INTO {table} (a) VALUES (1)", session_id="g").status == 200


def test_settings_of_a_request_leave_its_session_as_it_was(server):
    for user in ("default", "reader"):
        common = {"session_id": "tidy", "user": user}
        before = server.value("SELECT getSetting('max_threads')", **common)
        assert server.value("SELECT getSetting('max_threads')", max_threads=17, **common) == "17"
        assert server.ask("SELECT throwIf(1)", max_threads=17, database="system", **common).code == 395
        assert server.ask("SELECT 1", max_threads="x", **common).code
        assert server.rows("SELECT getSetting('max_threads'), currentDatabase()", **common) == [[before, "sluice"]]


def test_a_query_nested_too_deep_is_refused_and_nothing_breaks(server):
    deep = "SELECT " + "(" * 900 + "1" + ")" * 900
    for user in ("default", "reader"):
        answer = server.ask(deep.replace("(1)", "(1 + 1)"), user=user)
        assert answer.status in {200, 400, 500}
        assert answer.status == 200 or answer.text.startswith("Code: ")


async def test_clients_that_go_in_every_moment_leave_nothing_running(server, table):
    """Sessions that close themselves, inserts, streams: cut off after random times."""

    async def cut_off(session, n):
        sql, parameters = [
            ("SELECT sleep(0.2), count() FROM numbers(100000000)", {"session_id": f"cut{n}", "close_session": 1}),
            ("SELECT number FROM numbers(100000000)", {}),
            (f"INSERT INTO {table} SELECT number, '' FROM numbers(3000000)", {"session_id": f"cut{n}"}),
            ("1\tx\n" * 100_000, {"query": f"INSERT INTO {table} FORMAT TSV"}),
        ][n % 4]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(n % 13 / 40):
                async with session.post(server.url, data=sql, params=parameters) as response:
                    await response.content.readexactly(100)

    async with aiohttp.ClientSession() as session:
        results = await asyncio.gather(*(cut_off(session, n) for n in range(80)), return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), asyncio.IncompleteReadError}
    until(lambda: server.value("SELECT count() FROM system.processes") == "1", timeout_s=30)
    assert int(server.value(f"SELECT countIf(s = 'x') FROM {table}")) % 100_000 == 0
    assert server.ask("SELECT 1", session_id="cut0", session_check=1).code == 372
