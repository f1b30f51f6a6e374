"""clickhouse-connect in its HTTP form, as the sinks and analysts use it."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError


@pytest.fixture(scope="module")
def client(server):
    with clickhouse_connect.get_client(host="127.0.0.1", port=server.port) as connected:
        yield connected


def test_it_connects_and_knows_the_version(client):
    assert client.ping()
    assert client.server_version == "26.9.2.1"
    assert client.command("SELECT currentDatabase()") == "sluice"


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip", "br"])
def test_it_inserts_and_queries_with_every_compression(server, compress):
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=server.port, compress=compress, tz_mode="aware"
    ) as client:
        name = f"cc_{compress}".lower()
        client.command(
            f"CREATE TABLE {name} (a UInt64, s String, t DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY a"
        )
        moment = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)
        count = 1000 if compress == "br" else 100_000  # one block: brotli streams cannot follow each other
        rows = [[n, f"row {n}", moment] for n in range(count)]
        done = client.insert(name, rows, column_names=["a", "s", "t"])
        assert done.written_rows == count
        result = client.query(f"SELECT a, s, t FROM {name} ORDER BY a")
        assert result.row_count == count
        assert list(result.result_rows[-1]) == [count - 1, f"row {count - 1}", moment]
        assert result.summary["query_id"]
        client.command(f"DROP TABLE {name}")


def test_types_survive_the_round_trip(client):
    client.command("CREATE TABLE types (u UUID, d Decimal(18, 4), m Map(String, String), a Array(Nullable(Int32)), "
                   "l LowCardinality(String), e Enum8('x' = 1)) ENGINE = Memory")  # fmt: skip
    row = [uuid.UUID(int=7), decimal.Decimal("1.5000"), {"k": "v"}, [1, None], "low", "x"]
    client.insert("types", [row], column_names="*")
    assert list(client.query("SELECT * FROM types").result_rows[0]) == row
    client.command("DROP TABLE types")


def test_parameters_settings_and_commands(client):
    result = client.query(
        "SELECT {a:UInt64} + 1 AS x, {s:String} AS s, getSetting('max_threads') AS t",
        parameters={"a": 41, "s": "it's\ta \\ string"},
        settings={"max_threads": 3},
    )
    assert result.first_row == (42, "it's\ta \\ string", 3)
    assert client.command("SELECT 6 * 7") == 42


def test_it_streams_rows(client):
    with client.query_row_block_stream("SELECT number FROM numbers(1000000)") as stream:
        assert sum(len(block) for block in stream) == 1_000_000
    with client.raw_stream("SELECT number FROM numbers(1000000)", fmt="CSV") as raw:
        assert raw.read().count(b"\n") == 1_000_000


def test_it_inserts_raw_data_from_a_generator(client):
    client.command("CREATE TABLE raw (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.raw_insert("raw", insert_block=(b"%d\n" % n for n in range(10_000)), fmt="TSV", compression=None)
    assert client.command("SELECT count() FROM raw") == 10_000
    client.command("DROP TABLE raw")


def test_temporary_tables_and_settings_stay_in_its_session(client, server):
    client.command("CREATE TEMPORARY TABLE mine (a UInt8)")
    client.insert("mine", [[1], [2]], column_names=["a"])
    client.command("SET max_block_size = 1234")
    with pytest.raises(DatabaseError):
        client.query("SELECT nosuch")
    with pytest.raises(DatabaseError):
        client.command("CREATE TABLE broken")
    assert client.command("SELECT sum(a) FROM mine") == 3
    assert client.command("SELECT getSetting('max_block_size')") == 1234
    assert client.query("SELECT 1", settings={"max_block_size": 5}).first_row == (1,)
    assert client.command("SELECT getSetting('max_block_size')") == 1234
    assert server.ask("SELECT * FROM mine").code == 60


def test_errors_carry_code_and_text(client):
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM nosuch")
    assert "Code: 60" in str(caught.value)
    assert "UNKNOWN_TABLE" in str(caught.value)
    with pytest.raises(DatabaseError, match=r"CANNOT_READ_ALL_DATA|ATTEMPT_TO_READ_AFTER_EOF|INCORRECT_DATA"):
        client.raw_insert("FUNCTION null('a Int8')", insert_block=b"x", fmt="Native")


@pytest.mark.parametrize("compress", [False, True])
def test_an_error_in_mid_stream_is_seen(server, compress):
    with clickhouse_connect.get_client(host="127.0.0.1", port=server.port, compress=compress) as client:
        sql = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(4000000)"
        with pytest.raises(StreamFailureError, match="boom"):
            len(client.query(sql, settings={"wait_end_of_query": 0}).result_set)
        assert client.command("SELECT 1") == 1


def test_a_busy_session_is_locked(server):
    with (
        clickhouse_connect.get_client(host="127.0.0.1", port=server.port, session_id="busy") as one,
        one.query_row_block_stream("SELECT number FROM numbers(100000000)") as stream,
    ):
        next(iter(stream))
        answer = server.ask("SELECT 1", session_id="busy")
        assert (answer.status, answer.code) == (500, 373)
        assert "Session busy is locked by a concurrent client" in answer.text


def test_the_reader_reads(server):
    with clickhouse_connect.get_client(host="127.0.0.1", port=server.port, username="reader") as reader:
        assert reader.query("SELECT number FROM numbers(3)").result_rows == [(0,), (1,), (2,)]
        with pytest.raises(DatabaseError, match="READONLY"):
            reader.command("CREATE TABLE x (a Int8) ENGINE = Memory")


async def test_the_async_client(server):
    client = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=server.port, autogenerate_session_id=False
    )
    async with client:
        await client.command("CREATE TABLE asynchronous (a UInt64) ENGINE = MergeTree ORDER BY a")
        await client.insert("asynchronous", [[n] for n in range(1000)], column_names=["a"])
        assert (await client.query("SELECT sum(a) FROM asynchronous")).first_row == (499_500,)
        with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
            await client.query("SELECT * FROM nosuch")
        await client.command("DROP TABLE asynchronous")
