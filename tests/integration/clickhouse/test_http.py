"""The HTTP interface, byte by byte."""

from __future__ import annotations

import gzip
import json
import re
import socket
import zlib

import brotli
import lz4.frame
import pytest
from backports import zstd

VERSION = "(version 26.9.2.1 (official build))"


def test_ping_and_root_say_ok(server):
    for path in ("/ping", "/", "/replicas_status"):
        answer = server.ask(method="GET", path=path)
        assert (answer.status, answer.body) == (200, b"Ok.\n")
        head = server.ask(method="HEAD", path=path)
        assert (head.status, head.body) == (200, b"")


def test_an_unknown_path_is_404_and_says_where_to_go(server):
    answer = server.ask(method="GET", path="/nosuch")
    assert answer.status == 404
    assert answer.text.startswith("There is no handle /nosuch\n\nUse / or /ping for health checks.\n")
    assert server.ask(method="GET", path="/?foo=1").status == 404


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("SELECT 1", b""),
        ("", b"SELECT 1"),
        ("SELECT", b"1"),
        ("SELECT 1;", b""),
        ("", b"SELECT 1 -- a comment; with a semicolon"),
        ("", "SELECT\u00a01".encode()),
    ],
)
def test_a_query_stands_in_the_url_or_in_the_body_or_in_both(server, query, body):
    answer = server.ask(body, query=query) if query else server.ask(body)
    assert (answer.status, answer.body) == (200, b"1\n")


def test_get_and_head_query(server):
    assert server.ask("SELECT 1", method="GET").body == b"1\n"
    head = server.ask("SELECT 1", method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_an_answer_carries_clickhouses_headers(server):
    headers = server.ask("SELECT number FROM numbers(3) FORMAT JSONEachRow", query_id="my-id").headers
    assert headers["x-clickhouse-query-id"] == "my-id"
    assert headers["x-clickhouse-format"] == "JSONEachRow"
    assert headers["x-clickhouse-server-display-name"]
    assert headers["x-clickhouse-timezone"]
    assert headers["content-type"] == "application/x-ndjson; charset=UTF-8"
    assert re.fullmatch(r"[a-z]{16}", headers["x-clickhouse-exception-tag"])
    assert "server" not in headers
    summary = json.loads(headers["x-clickhouse-summary"])
    assert summary["read_rows"] == "3"
    assert summary["result_rows"] == "3"
    assert int(summary["elapsed_ns"]) > 0
    assert set(summary) == {
        "read_rows", "read_bytes", "written_rows", "written_bytes", "total_rows_to_read", "result_rows",
        "result_bytes", "elapsed_ns", "memory_usage",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "headers", "body"),
    [
        ({}, {}, b"1\n"),
        ({"default_format": "JSONEachRow"}, {}, b'{"1":1}\n'),
        ({}, {"X-ClickHouse-Format": "CSVWithNames"}, b'"1"\n1\n'),
        ({"default_format": "JSONCompact", "output_format_write_statistics": 0}, {}, None),
    ],
)
def test_the_default_format_comes_from_the_request(server, parameters, headers, body):
    answer = server.ask("SELECT 1", headers=headers, **parameters)
    if body is None:
        assert json.loads(answer.body)["data"] == [[1]]
    else:
        assert answer.body == body


@pytest.mark.parametrize(
    ("sql", "status", "code", "text"),
    [
        ("SELECT * FROM nosuch", 404, 60, "Unknown table expression identifier 'nosuch'"),
        ("SELECT nosuch", 404, 47, "Unknown expression identifier `nosuch`"),
        ("SELECT nosuch(1)", 404, 46, "nosuch"),
        ("SELEC 1", 400, 62, "Syntax error: failed at position 1 (SELEC)"),
        ("SELECT 'open", 400, 62, "Syntax error: failed at position 8"),
        ("SELECT 1; SELECT 2", 400, 62, "Multi-statements are not allowed"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 500, 358, "INTO OUTFILE is not allowed"),
        ("INSERT INTO nosuch FORMAT CSV\n1", 404, 60, "does not exist"),
        ("SELECT 1 FORMAT NoSuch", 404, 73, "NoSuch"),
        ("SELECT throwIf(1, 'now')", 500, 395, "now"),
        ("SELECT toUInt8('x')", 400, 6, "Cannot parse string 'x'"),
        ("SELECT {x:UInt8}", 500, 456, "Substitution `x` is not set"),
        ("", 400, 62, "Empty query"),
        (" -- nothing\n;", 400, 62, "Empty query"),
        ("SELECT 1 SETTINGS nosuch = 1", 404, 115, "nosuch"),
        ("INSERT INTO FUNCTION null('a Int') SELECT * FROM input('a Int') FORMAT CSV\n1", 501, 48, "input"),
    ],
)
def test_errors_have_clickhouses_status_code_and_text(server, sql, status, code, text):
    answer = server.ask(sql)
    assert (answer.status, answer.code) == (status, code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert text in answer.text
    assert answer.text.endswith(f") {VERSION}\n")
    assert answer.text.count("version 26") == 1
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


def test_an_unknown_setting_or_database_is_an_error(server):
    assert server.ask("SELECT 1", nosuch=1).code == 115
    assert server.ask("SELECT 1", **{"no such": 1}).code == 115
    assert server.ask("SELECT 1", database="nosuch").code == 81
    assert server.ask("SELECT 1", headers={"X-ClickHouse-Database": "nosuch"}).code == 81


def test_settings_and_database_hold_for_their_request_only(server):
    assert server.value("SELECT getSetting('max_threads')", max_threads=3) == "3"
    assert server.value("SELECT getSetting('max_threads')") != "3"
    assert server.value("SELECT currentDatabase()", database="system") == "system"
    assert server.value("SELECT currentDatabase()", database="default") == "sluice"
    assert server.value("SELECT currentDatabase()") == "sluice"


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("SELECT {x:String}", "it's \\\\ a\\ttab", "it\\'s \\\\ a\\ttab"),
        ("SELECT {x:UInt64} + 1", "41", "42"),
        ("SELECT {x:Array(String)}[2]", "['a','b\\'c']", "b\\'c"),
        ("SELECT count() FROM system.{x:Identifier}", "one", "1"),
        ("SELECT {x:Nullable(Int8)} IS NULL", "\\N", "1"),
        ("SELECT {x:DateTime64(3, 'UTC')}", "2026-01-02 03:04:05.678", "2026-01-02 03:04:05.678"),
    ],
)
def test_query_parameters_are_taken_as_clickhouse_takes_them(server, sql, value, expected):
    assert server.value(sql, param_x=value) == expected


def test_get_is_read_only(server, table):
    for sql in (f"INSERT INTO {table} VALUES (1, 'a')", f"DROP TABLE {table}", "CREATE DATABASE x"):
        answer = server.ask(sql, method="GET")
        assert (answer.status, answer.code) == (500, 164)
        assert "method GET implies readonly" in answer.text
    assert server.value(f"SELECT count() FROM {table}") == "0"


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        ({}, {"X-ClickHouse-User": "nobody"}),
        ({"user": "nobody"}, {}),
        ({}, {"Authorization": "Basic bm9ib2R5Og=="}),
    ],
)
def test_an_unknown_user_is_403(server, parameters, headers):
    answer = server.ask("SELECT 1", headers=headers, **parameters)
    assert (answer.status, answer.code) == (403, 516)
    assert answer.text == (
        "Code: 516. DB::Exception: nobody: Authentication failed: password is incorrect, or there is no user "
        f"with such name. (AUTHENTICATION_FAILED) {VERSION}\n"
    )


def test_two_ways_of_authentication_are_refused(server):
    answer = server.ask("SELECT 1", headers={"X-ClickHouse-User": "default"}, user="default")
    assert answer.code == 516


def test_native_block_compression_is_refused_with_a_clear_error(server):
    answer = server.ask("SELECT 1", compress=1)
    assert (answer.status, answer.code) == (501, 48)
    assert "Accept-Encoding" in answer.text


DECODE = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
    "lz4": lz4.frame.decompress,
}
ENCODE = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("coding", DECODE)
@pytest.mark.parametrize("rows", [3, 300_000])
def test_answers_are_compressed_when_asked_for(server, coding, rows):
    sql = f"SELECT number FROM numbers({rows})"
    headers = {"Accept-Encoding": f"{coding}, identity"}
    answer = server.ask(sql, headers=headers, enable_http_compression=1)
    assert answer.headers["content-encoding"] == coding
    assert DECODE[coding](answer.body) == b"".join(b"%d\n" % n for n in range(rows))
    assert "content-encoding" not in server.ask(sql, headers=headers).headers


@pytest.mark.parametrize("coding", ENCODE)
def test_request_bodies_are_decompressed(server, table, coding):
    data = b"".join(b"%d,x\n" % n for n in range(200_000))
    answer = server.ask(
        ENCODE[coding](data), query=f"INSERT INTO {table} FORMAT CSV", headers={"Content-Encoding": coding}
    )
    assert answer.status == 200, answer.text
    assert server.rows(f"SELECT count(), sum(a), uniqExact(s) FROM {table}") == [["200000", "19999900000", "1"]]
    assert server.ask(ENCODE[coding](b"SELECT 7"), headers={"Content-Encoding": coding}).body == b"7\n"


@pytest.mark.parametrize("coding", ENCODE)
def test_a_compressed_body_that_breaks_off_inserts_nothing(server, table, coding):
    data = ENCODE[coding](b"".join(b"%d,x\n" % n for n in range(200_000)))
    answer = server.ask(
        data[: len(data) // 2], query=f"INSERT INTO {table} FORMAT CSV", headers={"Content-Encoding": coding}
    )
    assert (answer.status, answer.code) == (500, 271), answer.text
    assert server.value(f"SELECT count() FROM {table}") == "0"


def test_an_unknown_content_encoding_is_refused(server):
    assert server.ask("SELECT 1", headers={"Content-Encoding": "snappy"}).code == 89


@pytest.mark.parametrize("name", ["Native", "RowBinary", "RowBinaryWithNamesAndTypes", "TSV", "TSVWithNames", "JSON",
                                  "CSVWithNamesAndTypes", "JSONEachRow", "JSONCompactEachRowWithNamesAndTypes",
                                  "Parquet", "ArrowStream", "Values"])  # fmt: skip
def test_what_is_written_in_a_format_can_be_read_back_in_it(server, table, name):
    made = server.ask(f"SELECT number AS a, toString(number) AS s FROM numbers(150000) FORMAT {name}")
    assert made.status == 200
    answer = server.ask(made.body, query=f"INSERT INTO {table} FORMAT {name}")
    assert answer.status == 200, answer.text
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "150000"
    check = "SELECT count(), sum(a), countIf(toString(a) != s) FROM " + table
    assert server.rows(check) == [["150000", "11249925000", "0"]]


@pytest.mark.parametrize(
    "name", ["TSVWithNames", "CSVWithNamesAndTypes", "RowBinaryWithNamesAndTypes", "JSONEachRow"]
)
def test_a_streamed_answer_is_what_the_whole_one_is(server, name):
    """`extremes=0` as a setting keeps the front from streaming, without changing the answer."""
    sql = f"""SELECT number AS `a"b`, number % 7 AS "x\ny" FROM numbers(200000) FORMAT {name}"""
    streamed, whole = server.ask(sql), server.ask(sql, extremes=0)
    assert streamed.headers.get("transfer-encoding") == "chunked"
    assert whole.headers.get("transfer-encoding") is None
    assert streamed.body == whole.body


def test_totals_and_empty_results_are_complete(server):
    sql = "SELECT number % 2 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k"
    assert server.ask(sql).body == b"0\t5\n1\t5\n\n0\t10\n"
    assert server.ask("SELECT 1 AS a WHERE 0 FORMAT TSVWithNames").body == b"a\n"
    assert server.ask("SELECT 1 AS a WHERE 0 FORMAT Native").status == 200


@pytest.mark.parametrize(
    "body",
    [
        "INSERT INTO {t} VALUES (1, 'a'), (2, 'b;c')",
        "INSERT INTO {t} (a, s) VALUES (0 + 1, 'a'), (2, concat('b;', 'c'));",
        "insert into {t} format CSV\n1,a\n2,b;c\n",
        "INSERT INTO `sluice`.{t} (* EXCEPT(s), s) SETTINGS async_insert = 0 FORMAT TSV\n1\ta\n2\tb;c\n",
        'INSERT INTO TABLE {t} FORMAT JSONEachRow {{"a":1,"s":"a"}} {{"a":2,"s":"b;c"}}',
        "INSERT INTO {t} SELECT number + 1, ['a', 'b;c'][number + 1] FROM numbers(2)",
        "/**/ INSERT -- x\n INTO {t} FORMAT RowBinary \r\n\1\0\0\0\0\0\0\0\1a\2\0\0\0\0\0\0\0\3b;c",
    ],
)
def test_inserts_in_every_spelling(server, table, body):
    answer = server.ask(body.format(t=table))
    assert answer.status == 200, answer.text
    assert server.rows(f"SELECT * FROM {table} ORDER BY a") == [["1", "a"], ["2", "b;c"]]
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "2"


def test_an_insert_that_cannot_be_read_inserts_nothing(server, table):
    answer = server.ask(f"INSERT INTO {table} FORMAT CSV\n1,a\nb,c\n")
    assert (answer.status, answer.code) == (400, 27)
    assert server.value(f"SELECT count() FROM {table}") == "0"


def test_an_insert_that_fails_behind_its_data_says_so(server):
    server.ask("CREATE TABLE strict (a UInt64, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
    assert server.ask("INSERT INTO strict FORMAT CSV\n10\n").code == 469
    server.ask(
        "CREATE MATERIALIZED VIEW strict_view ENGINE = Memory AS SELECT throwIf(a = 9, 'no nines') FROM strict"
    )
    assert server.ask("INSERT INTO strict FORMAT CSV\n9\n").code == 395
    server.ask("DROP TABLE no_nines")
    assert server.ask("INSERT INTO strict SETTINGS max_partitions_per_insert_block = 1 VALUES (8)").status == 200
    server.ask(
        "ALTER TABLE strict MODIFY SETTING parts_to_throw_insert = 1, max_avg_part_size_for_too_many_parts = 0"
    )
    server.ask("SYSTEM STOP MERGES strict")
    answers = [server.ask("INSERT INTO strict VALUES (7)") for _ in range(3)]
    assert answers[-1].code == 252, answers[-1].text


def test_the_same_deduplication_token_inserts_once(server):
    server.ask(
        "CREATE TABLE once (a UInt64) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    for _ in range(2):
        assert server.ask("INSERT INTO once FORMAT CSV\n1\n", insert_deduplication_token="x").status == 200
    assert server.value("SELECT count() FROM once") == "1"


def test_a_failure_in_mid_stream_is_told_and_breaks_the_body_off(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        sql = b"SELECT number, throwIf(number = 2000000, 'boom') FROM numbers(3000000)"
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(sql), sql))
        answer = b""
        while data := connection.recv(1 << 20):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    [tag] = re.findall(rb"X-ClickHouse-Exception-Tag: ([a-z]{16})", head)
    found = re.search(
        rb"\r\n__exception__\r\n%s\r\n(Code: 395\. .*boom.*\n)(\d+) %s\r\n__exception__\r\n" % (tag, tag), body
    )
    assert found, body[-500:]
    assert int(found[2]) == len(found[1])
    assert not body.endswith(b"0\r\n\r\n")


def test_with_wait_end_of_query_the_same_failure_has_its_own_status(server):
    sql = "SELECT number, throwIf(number = 2000000, 'boom') FROM numbers(3000000)"
    answer = server.ask(sql, wait_end_of_query=1)
    assert (answer.status, answer.code) == (500, 395)
    whole = server.ask("SELECT number FROM numbers(3000000)", wait_end_of_query=1)
    assert len(whole.body) == int(whole.headers["content-length"]) == 22888890
    assert json.loads(whole.headers["x-clickhouse-summary"])["result_rows"] == "3000000"


def test_a_long_query_in_the_url(server):
    value = "x" * 200_000
    assert server.ask(f"SELECT length('{value}')", method="GET").body == b"200000\n"


def test_a_long_upload_that_fails_gets_its_answer(server, table):
    """However much is sent, it is read; the error tells what is wrong with the first row."""
    body = b"no number,x\n" * 5_000_000
    answer = server.ask(body, query=f"INSERT INTO {table} FORMAT CSV")
    assert (answer.status, answer.code) == (400, 27)
    assert server.ask(body, query="INSERT INTO nosuch FORMAT CSV").code == 60
    assert server.ask(body, user="nobody").code == 516


def test_a_body_with_broken_chunks_inserts_nothing(start_server, tmp_path):
    server = start_server(tmp_path)  # its own, since aiohttp logs such a request as an error
    server.ask("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\nnot a length\r\n")
        assert b" 400 " in connection.recv(65536).split(b"\r\n")[0]
    assert server.value("SELECT count() FROM t") == "0"
    assert server.stop() == 0


def test_an_insert_without_data_inserts_nothing(server, table):
    assert server.ask(query=f"INSERT INTO {table} FORMAT CSV").status == 200
    assert server.value(f"SELECT count() FROM {table}") == "0"


def test_head_of_a_large_answer_has_no_body(server):
    answer = server.ask("SELECT number FROM numbers(1000000)", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_a_form_carries_query_and_parameters(server):
    form = (
        '--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {x:String}, {y:UInt8}\r\n'
        '--b\r\nContent-Disposition: form-data; name="param_x"\r\n\r\n' + "v" * 100_000 + "\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert server.ask(form, headers=headers, param_y=7).body == b"v" * 100_000 + b"\t7\n"
    file = form.replace('name="param_x"', 'name="t"; filename="t"')
    assert server.ask(file, headers=headers).code == 48


@pytest.mark.parametrize("tag", ["", "x", "tag", "a1_"])
def test_heredocs_are_strings(server, tag):
    assert server.value(f"SELECT length(${tag}$it's; -- '${tag}$)") == "10"


def test_one_query_leaves_memory_for_others(server):
    assert int(server.value("SELECT getSetting('max_memory_usage')")) < 1024**3
