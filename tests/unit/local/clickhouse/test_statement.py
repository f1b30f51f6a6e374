from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.clickhouse.errors import ClickHouseError
from sluice.local.clickhouse.statement import Action, classify, is_insert


@pytest.mark.parametrize(
    ("text", "action", "sql", "data_format"),
    [
        ("", Action.NOTHING, "", None),
        (" ;; -- x", Action.NOTHING, "", None),
        ("SELECT 1", Action.SELECT, "SELECT 1", None),
        (" select 1 ;; ", Action.SELECT, "select 1", None),
        ("/* a */ SELECT 1 -- b", Action.SELECT, "SELECT 1", None),
        ("WITH 1 AS x SELECT x", Action.SELECT, "WITH 1 AS x SELECT x", None),
        ("FROM t SELECT a", Action.SELECT, "FROM t SELECT a", None),
        ("((SELECT 1))", Action.SELECT, "((SELECT 1))", None),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Action.WRITE, None, None),
        ("SHOW TABLES", Action.SHOW, "SHOW TABLES", None),
        ("describe t", Action.SHOW, "describe t", None),
        ("EXPLAIN SELECT 1", Action.SHOW, "EXPLAIN SELECT 1", None),
        ("CREATE TABLE t (a Int)", Action.WRITE, "CREATE TABLE t (a Int)", None),
        ("SET x = 1", Action.WRITE, "SET x = 1", None),
        ("'what'", Action.WRITE, "'what'", None),
        ("SELECT 1 FORMAT JSON", Action.SELECT, None, "JSON"),
        ("SELECT 1 format `TSV`;", Action.SELECT, None, "TSV"),
        ("SELECT 1 FORMAT CSV SETTINGS a = 1", Action.SELECT, None, "CSV"),
        ("SELECT 1 SETTINGS a = 1 FORMAT CSV", Action.SELECT, None, "CSV"),
        ("SELECT 1 AS format FORMAT TSV", Action.SELECT, None, "TSV"),
        ("SELECT 1 AS format", Action.SELECT, None, None),
        ("SELECT format FROM t", Action.SELECT, None, None),
        ("SELECT * FROM (SELECT 1 FORMAT x)", Action.SELECT, None, None),
        ("SELECT 'FORMAT JSON'", Action.SELECT, None, None),
        ("INSERT INTO t SELECT 1", Action.WRITE, "INSERT INTO t SELECT 1", None),
        ("INSERT INTO t (a) SELECT 'VALUES'", Action.WRITE, None, None),
        ("INSERT INTO t (SELECT 1)", Action.WRITE, None, None),
        ("INSERT INTO t", Action.WRITE, "INSERT INTO t", None),
    ],
)
def test_statements_are_told_apart(text, action, sql, data_format):
    found = classify(text.encode())
    assert (found.action, found.format) == (action, data_format)
    assert sql is None or found.sql == sql.encode()


@pytest.mark.parametrize(
    ("head", "sql", "data_format", "data"),
    [
        ("INSERT INTO t VALUES", "INSERT INTO t", "Values", " (1), (';')"),
        ("insert into t (a, b) values", "insert into t (a, b)", "Values", "(1, 2);"),
        ("INSERT INTO t FORMAT CSV\n", "INSERT INTO t", "CSV", "1;2\n'"),
        ("INSERT INTO t FORMAT CSV  \r\n", "INSERT INTO t", "CSV", "\n1"),
        ("INSERT INTO t FORMAT CSV ", "INSERT INTO t", "CSV", "1"),
        ("INSERT INTO t FORMAT JSONEachRow", "INSERT INTO t", "JSONEachRow", '{"a":1}'),
        ("INSERT INTO t FORMAT Native\n", "INSERT INTO t", "Native", "\x01\x00\x27\x60"),
        ("INSERT INTO db.values FORMAT TSV\n", "INSERT INTO db.values", "TSV", "1"),
        ("INSERT INTO values VALUES", "INSERT INTO values", "Values", "(1)"),
        ("INSERT INTO `format` FORMAT TSV\n", "INSERT INTO `format`", "TSV", "1"),
        ("INSERT INTO TABLE t FORMAT TSV\n", "INSERT INTO TABLE t", "TSV", "1"),
        ("INSERT INTO FUNCTION null('a Int') FORMAT TSV\n", "INSERT INTO FUNCTION null('a Int')", "TSV", "1"),
        ("INSERT INTO t (* EXCEPT(values)) VALUES", "INSERT INTO t (* EXCEPT(values))", "Values", "(1)"),
        ("INSERT INTO t SETTINGS x = 'VALUES' FORMAT TSV\n", "INSERT INTO t SETTINGS x = 'VALUES'", "TSV", "1"),
        ("-- c\nINSERT /* VALUES */ INTO t VALUES", "INSERT /* VALUES */ INTO t", "Values", "(1)"),
        ("INSERT INTO t FORMAT TSV\n", "INSERT INTO t", "TSV", ""),
    ],
)
def test_the_data_of_an_insert_is_told_from_its_sql(head, sql, data_format, data):
    text = head.encode() + data.encode("latin-1")
    found = classify(text)
    assert (found.action, found.sql, found.format) == (Action.LOAD, sql.encode(), data_format)
    assert found.data_at is not None
    assert text[found.data_at :] == data.encode("latin-1")


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("INSERT INTO t VALUES (1)", "INSERT INTO t FROM INFILE {file} FORMAT Values"),
        (
            "/**/ INSERT INTO t (a) SETTINGS x = 1, y = 2 FORMAT TSV\n",
            "INSERT INTO t (a) FROM INFILE {file}, x = 1, y = 2 FORMAT TSV",
        ),
        (
            "INSERT INTO settings (settings) FORMAT CSV 1",
            "INSERT INTO settings (settings) FROM INFILE {file} FORMAT CSV",
        ),
    ],
)
def test_an_insert_can_read_its_data_from_a_file(text, sql):
    file = "'/f' COMPRESSION 'none' SETTINGS input_format_parallel_parsing = 0"
    assert classify(text.encode()).reading_file("/f") == sql.format(file=file).encode()


@given(st.binary())
def test_any_data_may_follow_an_insert(data):
    head = b"INSERT INTO t FORMAT RowBinary\n"
    found = classify(head + data)
    assert found.data_at == len(head)


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("SELECT 1; SELECT 2", 62, "Multi-statements are not allowed"),
        ("SELECT 1;\n-- x\n;SELECT 2", 62, "failed at position 9 (end of query)"),
        ("DROP TABLE a; \0", 62, "Syntax error"),
        ("INSERT INTO t SELECT 1; SELECT 2", 62, "Multi-statements"),
        ("SELECT 'open", 62, "failed at position 8"),
        ("SELECT /* open", 62, "Syntax error"),
        ("INSERT INTO t FORMAT", 62, "Syntax error"),
        ("INSERT INTO t FORMAT CSV; 1", 62, "excessive ';'"),
        ("SELECT 1 INTO OUTFILE 'x'", 358, "INTO OUTFILE"),
        ("select 1 into -- x\n outfile 'x'", 358, "INTO OUTFILE"),
        ("SELECT * FROM (SELECT 1 INTO OUTFILE 'x')", 358, "INTO OUTFILE"),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 78, "infile"),
        ("INSERT INTO t FROM INFILE 'x'", 78, "infile"),
        ("INSERT INTO t SELECT * FROM input('a Int') FORMAT CSV\n1", 48, "input"),
    ],
)
def test_what_chdb_would_execute_and_clickhouse_would_not_is_refused(text, code, part):
    with pytest.raises(ClickHouseError) as caught:
        classify(text.encode())
    assert caught.value.code == code
    assert part in caught.value.message


@given(st.binary(max_size=100))
def test_any_bytes_are_classified_or_refused(text):
    is_insert(text)
    try:
        found = classify(text)
    except ClickHouseError as error:
        assert error.code in {48, 62, 78, 358}  # noqa: PT017
    else:
        assert found.sql in text


def test_totals_and_extremes_need_the_whole_result():
    assert classify(b"SELECT a FROM t GROUP BY a WITH TOTALS").whole_result
    assert not classify(b"SELECT 'TOTALS' FROM t").whole_result
