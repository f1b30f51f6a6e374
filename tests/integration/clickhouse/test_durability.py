"""kill -9 in the middle of inserts: what was acknowledged is there and whole, nothing is there in part."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import random
import subprocess
import sys
import time

import pytest
from tests.integration.clickhouse.server import DidNotStart

ROWS = 2000
WRITERS = 4
KILLS = 20


def _write_until_dead(server, run, writer, stop_at):
    """Insert blocks one after the other; give the numbers of those acknowledged, and of the last one tried."""
    acknowledged: list[int] = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    number = 0
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        while time.monotonic() < stop_at:
            number = (run * WRITERS + writer) * 100_000 + len(acknowledged)
            body = "".join(f"{number}\t{line}\n" for line in range(ROWS))
            connection.request("POST", "/?query=INSERT+INTO+blocks+FORMAT+TSV", body)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            acknowledged.append(number)
    return acknowledged, number


@pytest.mark.timeout(300)  # 20 starts; on a busy machine each takes seconds
def test_twenty_kills_lose_no_acknowledged_block_and_leave_none_in_part(start_server, tmp_path):
    server = start_server(tmp_path)
    created = server.ask("CREATE TABLE blocks (block UInt64, line UInt32) ENGINE = MergeTree ORDER BY (block, line)")
    assert created.status == 200
    acknowledged: set[int] = set()
    tried: set[int] = set()
    chance = random.Random(9)
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        for run in range(KILLS):
            stop_at = time.monotonic() + 20
            writers = [pool.submit(_write_until_dead, server, run, n, stop_at) for n in range(WRITERS)]
            concurrent.futures.wait(writers, timeout=0.15 + chance.random() * 0.25)
            server.kill()
            for writer in writers:
                numbers, last = writer.result()
                acknowledged.update(numbers)
                tried.add(last)
            server = start_server(tmp_path)
            stored = server.rows("SELECT block, count(), uniqExact(line), sum(line) FROM blocks GROUP BY block")
            whole = [str(ROWS), str(ROWS), str(ROWS * (ROWS - 1) // 2)]
            assert [row for row in stored if row[1:] != whole] == []
            there = {int(row[0]) for row in stored}
            assert acknowledged - there == set()
            assert there - acknowledged - tried == set()
    assert len(acknowledged) > KILLS
    assert server.stop() == 0


def test_a_directory_in_use_is_said_in_one_sentence(start_server, server):
    with pytest.raises(DidNotStart) as said:
        start_server(server.path)
    assert str(said.value).strip() == f"the ClickHouse directory {server.path} is in use by another process"


def test_a_port_in_use_is_said_in_one_sentence(server, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sluice.local.clickhouse"],
        env={"SLUICE_CLICKHOUSE_PATH": str(tmp_path), "SLUICE_CLICKHOUSE_PORT": str(server.port)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"port {server.port} of 127.0.0.1 is in use; stop what listens there or set SLUICE_CLICKHOUSE_PORT"
    )


def test_a_path_that_cannot_be_a_directory_is_said_in_one_sentence(start_server, tmp_path):
    path = tmp_path / "file" / "data"
    path.parent.touch()
    with pytest.raises(DidNotStart) as said:
        start_server(path)
    assert str(said.value).strip() == f"the ClickHouse directory {path} cannot be used: Not a directory"


def test_a_wrong_setting_is_said_in_one_sentence(start_server, tmp_path):
    with pytest.raises(DidNotStart, match=r"^SLUICE_CLICKHOUSE_MEMORY_BYTES: "):
        start_server(tmp_path, memory_bytes=1)


def test_data_outlives_a_restart_and_fsync_is_an_option(start_server, tmp_path):
    fsync = "SELECT value FROM system.merge_tree_settings WHERE name LIKE 'fsync%'"
    server = start_server(tmp_path, fsync="true")
    assert server.rows(fsync) == [["1"], ["1"]]
    server.ask("CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a")
    server.ask("INSERT INTO kept VALUES (1)")
    assert server.stop() == 0
    server = start_server(tmp_path)
    assert server.rows(fsync) == [["0"], ["0"]]
    assert server.value("SELECT a FROM kept") == "1"
    assert server.stop() == 0


def test_it_idles_in_little_memory_and_caps_what_a_query_takes(start_server, tmp_path):
    server = start_server(tmp_path, memory_bytes=400 * 1024 * 1024)
    assert server.resident_bytes() < 450 * 1024 * 1024
    answer = server.ask("SELECT length(groupArray(number)) FROM numbers(200000000)")
    assert (answer.status, answer.code) == (500, 241), answer.text
    assert server.value("SELECT 1") == "1"
    assert server.stop() == 0
