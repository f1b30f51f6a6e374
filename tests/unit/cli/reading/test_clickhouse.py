"""Asking ClickHouse: its errors, and the end of a question that nobody waits for any more."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from sluice.cli.reading.clickhouse import refusal, sentence

SYNTAX = (
    "Received ClickHouse exception, code: 62, server response: Code: 62. DB::Exception: Syntax error: failed at "
    "position 1 (selec): selec 1. Maybe you meant: SELECT. Expected one of: Query, EXPLAIN. (SYNTAX_ERROR) "
    "(version 26.9.1.1 (official build)) (for url http://127.0.0.1:8123)"
)
REFUSED = (
    "HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded (Caused by NewConnectionError(\"x: "
    'Failed to establish a new connection: [Errno 111] Connection refused"))'
)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (SYNTAX, "Syntax error: failed at position 1 (selec): selec 1. Maybe you meant: SELECT. (SYNTAX_ERROR)"),
        (REFUSED, "Connection refused"),
        ("something else\nwith a second line", "something else"),
        ("", "ValueError"),
    ],
)
def test_an_error_becomes_one_sentence(message, words):
    assert sentence(ValueError(message)) == words


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (60, "Unknown table expression identifier 'sluice.rollup_minutes'. In scope SELECT 1. (UNKNOWN_TABLE)"),
        (47, "Unknown expression identifier `raw_line`. In scope SELECT raw_line FROM sluice.event_log."),
        (81, "Database sluice does not exist. (UNKNOWN_DATABASE)"),
    ],
)
def test_where_the_schema_is_not_this_versions_it_is_said_what_to_do(code: int, said: str):
    lacks = "ClickHouse at http://127.0.0.1:8123 lacks what this version needs: run `sluice migrate` "
    error = DatabaseError(f"Code: {code}. DB::Exception: {said}", code=code)
    assert refusal(error, "http://127.0.0.1:8123") == f"{lacks}({said.partition('. ')[0]})"


@pytest.mark.parametrize(
    ("code", "said"),
    [(241, "Memory limit exceeded, of table sluice.events"), (60, "Unknown table 'other.event_log'"), (None, "away")],
)
def test_another_refusal_is_told_as_it_is(code: int | None, said: str):
    assert refusal(DatabaseError(said, code=code), "http://u:p@a:1") == f"ClickHouse at http://a:1: {said}"


DEADLINE_S = 60.0


@pytest.mark.parametrize(
    "command", [["where", "order-1"], ["rejected", "list"], ["rejected", "replay"], ["query", "SELECT 1"]]
)
def test_ctrl_c_ends_a_command_though_clickhouse_does_not_answer(command: list[str]):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_S)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "sluice", *command, "--clickhouse-url", url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with silent.accept()[0] as asked:
                assert asked.recv(1)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode != 0
    assert said == "\nAborted!\n"
