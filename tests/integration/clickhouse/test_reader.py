"""Attacks on the read-only user. Each is sent to the running server; none may reach a file, the network or Python."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

SECRET = "the-secret-of-this-machine"


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    path = tmp_path_factory.mktemp("secret") / "secret.txt"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture(scope="module")
def visited():
    """An HTTP server that notes who comes."""
    visits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            visits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(SECRET.encode() + b"\n")

        do_POST = do_HEAD = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", visits
    server.shutdown()
    thread.join()
    server.server_close()


ALLOWED = [
    "SELECT 1",
    "SELECT count() FROM readable",
    "WITH 2 AS x SELECT x, a FROM readable",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "FROM readable SELECT a",
    "SELECT * FROM numbers(3) AS n, zeros(2) AS z",
    "SELECT a, 'default' AS d, 'file(1)' AS f FROM readable WHERE s != 'default'",
    "SELECT * FROM view(SELECT a FROM readable)",
    "SELECT * FROM generateRandom('a UInt8', 1) LIMIT 1",
    "SELECT * FROM values('a Int', 1, 2)",
    "SELECT * FROM format(CSV, 'a Int', '1\n2')",
    "SELECT * FROM merge('sluice', '^readable$')",
    "EXPLAIN SELECT * FROM readable",
    "SHOW TABLES",
    "SHOW CREATE TABLE readable",
    "DESCRIBE readable",
    "EXISTS TABLE readable",
    "SELECT name FROM system.tables WHERE database = 'default'",
    "SELECT a FROM sluice.readable SETTINGS max_threads = 1, max_memory_usage = 100000000",
    "SELECT a::String, -a, a IS NULL, a BETWEEN 1 AND 2, [a][1], (a, s).1, CASE a WHEN 1 THEN 2 END FROM readable",
    "SELECT * EXCEPT(s) REPLACE(a + 1 AS a), COLUMNS('^a') APPLY(toString) FROM readable AS r",
    "SELECT a, row_number() OVER (PARTITION BY s ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM readable",
    "SELECT sum(a) OVER w FROM readable WINDOW w AS (ORDER BY a)",
    "SELECT s, a, count() FROM readable GROUP BY GROUPING SETS ((s), (a)) HAVING count() > 0",
    "SELECT s, count() FROM readable GROUP BY ROLLUP(s) ORDER BY count() WITH FILL LIMIT 1 BY s LIMIT 5 OFFSET 0",
    "SELECT toStartOfInterval(now(), INTERVAL 5 MINUTE), DATE '2026-01-01' + INTERVAL 1 DAY",
    "SELECT EXTRACT(YEAR FROM now())",
    "SELECT l.a FROM readable AS l ANY LEFT JOIN readable AS r USING (a) WHERE l.a > 0",
    "SELECT a FROM readable WHERE a IN (SELECT a FROM readable) AND a GLOBAL IN (1, 2) AND s NOT LIKE '%y%'",
    "SELECT arrayMap((x, y) -> x + y, [1], [2]), arrayFilter(x -> x > 1, [1, 2]), quantiles(0.5)(a) FROM readable",
    "SELECT 1 INTERSECT SELECT 1 EXCEPT SELECT 2",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
    "SELECT map('a', 1)['a'], tuple(1, 'a'), toDateTime64('2026-01-01 00:00:00', 3, 'UTC') QUALIFY 1",
    "SELECT CAST('{\"a\":{\"b\":1}}', 'JSON') AS j, j.a.b.:Int64",
    "SELECT a AS `default value`, 1 AS defaults FROM readable ARRAY JOIN [1, 2] AS x PREWHERE a > 0",
    "SELECT top_level FROM (SELECT 1 AS top_level) ORDER BY ALL",
    "SELECT DISTINCT ON (s) a, s FROM readable",
    "SELECT count() FILTER (WHERE a > 1), countIf(a, a > 1) FROM readable",
    "EXPLAIN PIPELINE SELECT a FROM readable",
    "EXPLAIN indexes = 1 SELECT a FROM readable WHERE a = 1",
    "SHOW TABLES WHERE name IN ('readable')",
    "SHOW COLUMNS FROM readable LIKE 'a'",
    "SHOW DATABASES",
    "SHOW PROCESSLIST",
    "SELECT * FROM readable FORMAT JSON SETTINGS output_format_json_quote_64bit_integers = 1",
]

FILE_ATTACKS = [
    "SELECT file('{p}')",
    "SELECT `file`('{p}')",
    'SELECT "file"(\'{p}\')',
    "SELECT \u201cfile\u201d('{p}')",
    "SELECT `f\\x69le`('{p}')",
    "SELECT/**/file/**/('{p}')",
    "SELECT file -- x\n('{p}')",
    "SELECT\u00a0file\u00a0('{p}')",
    "SELECT arrayMap(file, ['{p}'])",
    "SELECT arrayMap(x -> file(x), ['{p}'])",
    "SELECT * APPLY(file) FROM (SELECT '{p}')",
    "SELECT * APPLY file FROM (SELECT '{p}')",
    "SELECT COLUMNS('.*') APPLY(x -> file(x)) FROM (SELECT '{p}' AS x)",
    "WITH file('{p}') AS x SELECT x",
    "WITH (SELECT file('{p}')) AS x SELECT x",
    "WITH x AS (SELECT file('{p}')) SELECT * FROM x",
    "SELECT 1 WHERE file('{p}') = ''",
    "SELECT 1 ORDER BY file('{p}')",
    "SELECT (SELECT file('{p}'))",
    "SELECT * FROM view(SELECT file('{p}'))",
    "SELECT * FROM viewIfPermitted(SELECT file('{p}') ELSE null('x String'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{p}')))",
    "SELECT * FROM eval('SELECT file(''{p}'')')",
    "SELECT * FROM eval('SELECT file(''{p}'')') SETTINGS allow_experimental_eval_table_function = 1",
    "EXPLAIN SELECT file('{p}')",
    "EXPLAIN SYNTAX SELECT file('{p}')",
    "EXPLAIN ESTIMATE SELECT * FROM file('{p}', LineAsString)",
    "SHOW TABLES WHERE file('{p}') != ''",
    "SHOW COLUMNS FROM readable WHERE file('{p}') != ''",
    "DESCRIBE file('{p}', LineAsString)",
    "DESCRIBE (SELECT file('{p}'))",
    "SELECT * FROM file('{p}', LineAsString)",
    "SELECT * FROM FILE('{p}', LineAsString)",
    "SELECT 'x' IN file('{p}', LineAsString)",
    "SELECT * FROM fileCluster('c', '{p}', LineAsString)",
    "SELECT * FROM filesystem('{d}')",
    "SELECT * FROM loop(file('{p}', LineAsString)) LIMIT 1",
    "SELECT * FROM loop('default', '{p}') LIMIT 1",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM merge(REGEXP('def.*'), '.*')",
    "SELECT * FROM default.`{p}`",
    "SELECT * FROM `default`.`{p}`",
    'SELECT * FROM "default"."{p}"',
    "SELECT * FROM \u201cdefault\u201d.\u201c{p}\u201d",
    "SELECT * FROM `d\\x65fault`.`{p}`",
    "SELECT * FROM default /* x */ . -- y\n `{p}`",
    "SELECT * FROM default.'{p}'",
    "SELECT * FROM `{p}`",
    "SELECT * FROM '{p}'",
    "SELECT * FROM \"{p}\"",
    "SELECT * FROM `file://{p}`",
    "SELECT x.* FROM readable AS r, default.`{p}` AS x",
    "DESCRIBE default.`{p}`",
    "EXISTS TABLE default.`{p}`",
    "EXISTS default.`{p}`",
    "SHOW TABLES FROM default",
    "SHOW CREATE TABLE default.`{p}`",
    "SHOW COLUMNS FROM `{p}` FROM default",
    "USE default",
    "SET ROLE writer",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{p}'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{p}', format_template_resultset = '{p}'",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '{p}:M'",
    "SELECT * FROM format(Protobuf, 'x') SETTINGS format_schema = '{p}:M'",
    "SELECT * FROM format(CSV, 'a Int', 'x') SETTINGS input_format_record_errors_file_path = '{d}/e'",
    "SELECT 1 FORMAT Protobuf SETTINGS output_format_schema = '{d}/schema'",
    "SELECT 1 SETTINGS additional_result_filter = 'file(''{p}'') != '''''",
    "SELECT a FROM readable SETTINGS additional_table_filters = {{'readable': 'file(''{p}'') != '''''}}",
    "SELECT 1 SETTINGS `additional_result_filter` = '1'",
    "SELECT 1 SETTINGS dialect = 'prql', allow_experimental_prql_dialect = 1",
    "SELECT * FROM (SELECT 1 SETTINGS format_schema = 'x')",
    "SELECT 1 INTO OUTFILE '{d}/out'",
    "SELECT 1 INTO /* x */ OUTFILE '{d}/out' FORMAT CSV",
    "SELECT 1 INTO OUTFILE '{d}/out' APPEND",
    "SELECT * FROM sqlite('{p}', 't')",
    "SELECT * FROM executable('x.py', TSV, 'a String')",
    "SELECT * FROM python(x)",
    "SELECT * FROM Python('x')",
    "SELECT * FROM arrowstream('x')",
    "SELECT * FROM icebergLocal('{d}')",
    "SELECT * FROM deltaLakeLocal('{d}')",
    "SELECT * FROM s3('file://{p}', LineAsString)",
    "SELECT * FROM url('file://{p}', LineAsString)",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM cluster('default', default.`{p}`)",
    "SELECT * FROM remote('127.0.0.1', default.`{p}`)",
    "SELECT * FROM input('x String')",
    "SELECT catboostEvaluate('{p}', 1)",
    "SELECT addressToLine(1)",
    "INSERT INTO readable VALUES (1, 'x')",
    "INSERT INTO readable FROM INFILE '{p}' FORMAT CSV",
    "INSERT INTO FUNCTION file('{d}/out', CSV, 'a Int') VALUES (1)",
    "INSERT INTO FUNCTION null('a Int') SELECT file('{p}')",
    "WITH 1 AS x INSERT INTO readable SELECT x, ''",
    "EXPLAIN INSERT INTO readable SELECT 1, ''",
    "CREATE TEMPORARY TABLE x (a Int)",
    "CREATE TEMPORARY TABLE x (a String) ENGINE = File(TSV, '{p}')",
    "CREATE TABLE x (a Int) ENGINE = Memory",
    "CREATE FUNCTION f AS x -> file(x)",
    "CREATE VIEW v AS SELECT file('{p}')",
    "ALTER TABLE readable DELETE WHERE 1",
    "DROP TABLE readable",
    "TRUNCATE TABLE readable",
    "OPTIMIZE TABLE readable",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE readable TO File('{d}/backup')",
    "EXECUTE AS default SELECT 1",
    "SELECT 1; SELECT file('{p}')",
    "SELECT 1; -- x\n SELECT file('{p}')",
    "SELECT 1;\0SELECT file('{p}')",
    "$$;$$ SELECT file('{p}')",
    "",
]  # fmt: skip

NETWORK_ATTACKS = [
    "SELECT * FROM url('http://{h}/x', LineAsString)",
    "SELECT * FROM urlCluster('default', 'http://{h}/x', LineAsString)",
    "SELECT * FROM `http://{h}/x`",
    "SELECT * FROM default.`http://{h}/x`",
    "SELECT * FROM s3('http://{h}/bucket/x', NOSIGN, LineAsString)",
    "SELECT * FROM remote('{h}', system.one)",
    "SELECT * FROM remoteSecure('{h}', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM mysql('{h}', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('{h}', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('{h}', 'd', 't', 'u', 'p', 'a Int')",
    "SELECT * FROM redis('{h}', 'k', 'k String')",
    "SELECT * FROM hudi('http://{h}/x')",
    "SELECT * FROM deltaLake('http://{h}/x')",
    "SELECT * FROM iceberg('http://{h}/x')",
    "SELECT * FROM azureBlobStorage('http://{h}/x', 'c', 'p')",
    "SELECT * FROM gcs('http://{h}/b/x', NOSIGN)",
    "SELECT * FROM hdfs('hdfs://{h}/x', TSV)",
    "SELECT * FROM jdbc('http://{h}/', 'd', 't')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM prometheusQuery('x', 'y', 1)",
    "SELECT * FROM ytsaurus('http://{h}', 'p', 't', 'a Int')",
    "SELECT AIGenerate('x')",
    "SELECT * FROM format(AvroConfluent, 'x') SETTINGS format_avro_schema_registry_url = 'http://{h}/'",
    "SELECT * FROM numbers(1) SETTINGS url_base = 'http://{h}/'",
    "EXPLAIN TABLE OVERRIDE mysql('{h}', 'd', 't', 'u', 'p') PARTITION BY 1",
]


@pytest.fixture(scope="module")
def readable(server):
    server.ask("CREATE TABLE readable (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    server.ask("INSERT INTO readable VALUES (1, 'x')")
    yield
    assert server.rows("SELECT * FROM readable") == [["1", "x"]]
    server.ask("DROP TABLE readable")


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize("sql", ALLOWED)
def test_the_reader_may_read_tables(server, sql):
    for ask in (server.ask(sql, user="reader"), server.ask(sql, user="reader", method="GET")):
        assert ask.status == 200, ask.text


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize("sql", FILE_ATTACKS)
@pytest.mark.parametrize("session", [False, True])
def test_the_reader_reaches_no_file_and_changes_nothing(server, secret, sql, session):
    parameters = {"session_id": "attack", "user": "reader"} if session else {"user": "reader"}
    before = sorted(secret.parent.iterdir())
    answer = server.ask(sql.format(p=secret, d=secret.parent), **parameters)
    assert answer.status in {400, 403, 404, 500, 501}, answer.text
    assert answer.code
    assert SECRET not in answer.text
    assert sorted(secret.parent.iterdir()) == before


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize("sql", NETWORK_ATTACKS)
def test_the_reader_reaches_no_network(server, visited, sql):
    host, visits = visited
    answer = server.ask(sql.format(h=host), user="reader")
    assert answer.status in {400, 403, 404, 500}, answer.text
    assert visits == []


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT * FROM `{p}`", {"database": "default"}),
        ("SELECT * FROM {t:Identifier}", {"param_t": "{p}", "database": "default"}),
        ("SELECT * FROM {d:Identifier}.{t:Identifier}", {"param_d": "default", "param_t": "{p}"}),
        ("SELECT * FROM {t:Identifier}", {"param_t": "default.{p}"}),
        ("EXISTS {d:Identifier}.{t:Identifier}", {"param_d": "default", "param_t": "{p}"}),
        ("SELECT {f:Identifier}('{p}')", {"param_f": "file"}),
        ("SELECT arrayMap({f:Identifier}, ['{p}'])", {"param_f": "file"}),
        ("SELECT 1", {"readonly": "0"}),
        ("SELECT 1", {"additional_result_filter": "file('{p}') != ''"}),
        ("SELECT 1 FORMAT Template", {"format_template_resultset": "{p}"}),
        ("SELECT 1", {"dialect": "kusto"}),
        ("SELECT 1", {"format_schema": "{p}"}),
        ("SELECT 1", {"input_format_record_errors_file_path": "{d}/x"}),
        ("SELECT 1", {"max_threads": "1, ROLE writer"}),
        ("SELECT 1", {"max_threads = 1; SET ROLE writer; SET max_threads": "1"}),
        ("SELECT 1", {"select": "file('{p}')"}),
        ("SELECT 1", {"param_x": "1'; SET ROLE writer; SET x = '", "param_x y": "1"}),
    ],
)
def test_the_reader_gains_nothing_by_parameters(server, secret, sql, parameters):
    filled = {
        name: value.replace("{p}", str(secret)).replace("{d}", str(secret.parent))
        for name, value in parameters.items()
    }
    answer = server.ask(sql.replace("{p}", str(secret)), user="reader", **filled)
    assert answer.status in {400, 403, 404, 500}, answer.text
    assert SECRET not in answer.text
    assert len(list(secret.parent.iterdir())) == 1


def test_the_database_default_of_a_client_is_home_for_the_reader_too(server):
    for headers, parameters in (({}, {"database": "default"}), ({"X-ClickHouse-Database": "default"}, {})):
        answer = server.ask("SELECT currentDatabase()", headers=headers, user="reader", **parameters)
        assert answer.body == b"sluice\n"


def test_not_even_the_writer_reads_files_as_tables(server, secret):
    for sql in (f"SELECT * FROM default.`{secret}`", f"SELECT * FROM file('{secret}', LineAsString)"):
        answer = server.ask(sql)
        assert (answer.status, answer.code) == (403, 497)


def test_limits_may_be_set_and_errors_name_the_reader(server):
    answer = server.ask("SELECT count() FROM numbers(1000000000000)", user="reader", max_execution_time=0.2)
    assert (answer.status, answer.code) == (408, 159)
    assert server.ask("DROP TABLE x", user="reader").text.startswith("Code: 164. DB::Exception: reader: ")
