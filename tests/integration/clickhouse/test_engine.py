"""The engine without the front: what its own rules refuse, and how its connections behave after errors.

It runs in a process of its own, since chdb has one engine for each process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest


def _on_engine(path, script):
    """Execute a script with `engine` open on a fresh directory, and give what it printed as JSON."""
    source = textwrap.dedent("""
        import json, sys
        from pathlib import Path
        from sluice.local.clickhouse.connection import Connection, Counters, Scope
        from sluice.local.clickhouse.engine import Engine
        from sluice.local.clickhouse.errors import ClickHouseError
        from sluice.local.clickhouse.settings import ClickHouseSettings

        engine = Engine.start(ClickHouseSettings(clickhouse_path=Path(sys.argv[1])))

        def code(connection, sql):
            try:
                connection.run(sql.encode(), "TSV")
            except ClickHouseError as error:
                return error.code
            return 0
    """) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", source, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def codes_of_the_role(tmp_path_factory):
    path = tmp_path_factory.mktemp("engine")
    (path / "secret").write_text("x\n")
    return _on_engine(
        path,
        """
        secret = Path(sys.argv[1]) / "secret"
        engine.ask(b"CREATE TABLE sluice.t (a Int8) ENGINE = Memory")
        reader = engine.connect()
        reader.prepare(Scope(database="sluice", reader=True, readonly=2))
        print(json.dumps({sql: code(reader, sql.replace("PATH", str(secret))) for sql in [
            "SELECT * FROM t",
            "SELECT * FROM numbers(1)",
            "SELECT * FROM file('PATH', LineAsString)",
            "SELECT * FROM default.`PATH`",
            "DESCRIBE default.`PATH`",
            "SELECT * FROM filesystem('/')",
            "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
            "SELECT * FROM remote('127.0.0.1:1', system.one)",
            "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', NOSIGN, LineAsString)",
            "SELECT * FROM sqlite('PATH', 't')",
            "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
            "INSERT INTO t VALUES (1)",
            "DROP TABLE t",
            "SET readonly = 0",
            "SELECT 1 SETTINGS dialect = 'prql'",
            "SET dialect = 'prql'",
            "CREATE TABLE u (a Int8) ENGINE = Memory",
            "KILL QUERY WHERE 1",
            "SYSTEM SHUTDOWN",
        ]}))
        """,
    )


def test_the_role_alone_refuses_files_network_and_writing(codes_of_the_role):
    allowed = {sql for sql, code in codes_of_the_role.items() if code == 0}
    assert allowed == {"SELECT * FROM t", "SELECT * FROM numbers(1)"} | {
        sql for sql in codes_of_the_role if sql.startswith("KILL")
    }
    refusals = {sql: code for sql, code in codes_of_the_role.items() if code}
    assert {sql: code for sql, code in refusals.items() if code not in {164, 452, 497}} == {}


def test_a_connection_gives_exact_answers_after_errors(tmp_path):
    """The evidence for sessions that outlive errors: nothing of a failed answer comes before the next one."""
    answers = _on_engine(
        tmp_path,
        """
        connection = engine.connect()
        failing = b"SELECT number, throwIf(number = 50) FROM numbers(100) SETTINGS max_block_size = 7"
        answers = []
        for _ in range(20):
            try:
                connection.run(failing, "TSV")
            except ClickHouseError as error:
                answers.append(error.code)
            answers.append(connection.run(b"SELECT 7", "TSV").decode())
            try:
                rows = connection.rows(failing, "TSV")
                while rows.next():
                    pass
            except ClickHouseError as error:
                answers.append(error.code)
            rows = connection.rows(b"SELECT 8", "TSV")
            answers.append(rows.next().decode() + rows.next().decode())
        print(json.dumps(answers))
        """,
    )
    assert answers == [395, "7\n", 395, "8\n"] * 20


def test_only_the_writer_has_more_than_the_role(tmp_path):
    codes = _on_engine(
        tmp_path,
        """
        writer = engine.connect()
        writer.prepare(Scope(database="sluice"))
        print(json.dumps([code(writer, sql) for sql in [
            "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a",
            "INSERT INTO t VALUES (1)",
            "SELECT * FROM file('/etc/hostname', LineAsString)",
            "SELECT * FROM `/etc/hostname`",
            "SET dialect = 'prql'",
        ]]))
        """,
    )
    assert codes == [0, 0, 497, 60, 452]
