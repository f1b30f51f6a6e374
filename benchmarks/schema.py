"""What each choice in the schema costs and brings: `python -m benchmarks.schema --url URL [SECTION ...]`.

Needs the rows of `benchmarks/event_log_rows.py` in a ClickHouse that nothing else uses. Each section fills tables in
a database of its own from `sluice.event_log`, and prints one for docs/schema.md. CPU is the server's, for one
statement; on a busy machine it says more than the clock does.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import clickhouse_connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

TRIAL = "schema_trial"
QUIET = {"max_threads": 2, "use_query_condition_cache": 0}
IN_ORDER = {"max_threads": 1, "max_insert_threads": 1, "min_insert_block_size_rows": 1_000_000}
ONE_MONTH = "WHERE toYYYYMM(source_timestamp) = 202607"

CODECS = {
    "event_id": ["LZ4", "ZSTD(1)"],
    "request_id": ["LZ4", "ZSTD(1)"],
    "anonymous_id": ["LZ4", "ZSTD(1)"],
    "session_id": ["LZ4", "ZSTD(1)"],
    "user_id": ["LZ4", "ZSTD(1)"],
    "visitor_id": ["LZ4", "ZSTD(1)"],
    "ip": ["LZ4", "ZSTD(1)"],
    "timestamp": ["LZ4", "Delta, LZ4", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)"],
    "received_at": ["LZ4", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)"],
    "source_offset": ["LZ4", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)"],
    "source_timestamp": ["LZ4", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)"],
    "value": ["LZ4", "ZSTD(1)", "Gorilla, ZSTD(1)"],
    "url": ["LZ4", "ZSTD(1)", "ZSTD(3)"],
    "user_agent": ["LZ4", "ZSTD(1)", "ZSTD(3)"],
    "payload": ["LZ4", "ZSTD(1)", "ZSTD(3)"],
    "properties": ["LZ4", "ZSTD(1)", "ZSTD(3)"],
}
HEAVY = {"payload", "properties", "user_agent"}
"""Columns that are tried on one of the four months."""

TEXTS = ("event_type", "country", "browser", "utm_campaign")
TEXT_TYPES = ("LowCardinality(String)", "String", "String CODEC(ZSTD(1))")

SORTED = "project, site_id, toDate(timestamp), event_type, visitor_id, timestamp"
KEYS = {
    "site, day, type, visitor, time": SORTED,
    "the same, with by_timestamp": SORTED,
    "site, type, day, visitor, time": "project, site_id, event_type, toDate(timestamp), visitor_id, timestamp",
    "site, time": "project, site_id, timestamp",
    "partition, offset: as it comes": "source_partition, source_offset",
}
BY_TIMESTAMP = "INDEX by_timestamp timestamp TYPE minmax GRANULARITY 1"
MONTHLY = "toYYYYMM(source_timestamp)"
PARTITIONS = {"month": MONTHLY, "day": "toDate(source_timestamp)", "none": "tuple()"}
_SITE = "project = 'app' AND site_id = 'ios' AND outcome = 'stored'"
QUESTIONS = {
    "a week of a site by type": "SELECT event_type, count(), uniq(visitor_id) FROM {table}"
    f" WHERE {_SITE} AND timestamp >= '2026-07-06' AND timestamp < '2026-07-13' GROUP BY event_type",
    "one type of a site, four months": "SELECT toDate(timestamp), count() FROM {table}"
    f" WHERE {_SITE} AND event_type = 'confirmation' GROUP BY 1",
    "a day of a site": "SELECT count(), uniq(visitor_id) FROM {table}"
    f" WHERE {_SITE} AND timestamp >= '2026-07-06' AND timestamp < '2026-07-07'",
}
NARROW = (
    "project LowCardinality(String), site_id LowCardinality(String), timestamp DateTime64(3, 'UTC'),"
    " event_type LowCardinality(String), visitor_id UInt64, outcome LowCardinality(String), source_topic UUID,"
    " source_partition UInt32, source_offset UInt64 CODEC(Delta, ZSTD(1)), source_timestamp DateTime64(3, 'UTC'),"
    " block_first UInt64"
)
NARROW_NAMES = (
    "project, site_id, timestamp, event_type, visitor_id, outcome, source_topic, source_partition, source_offset,"
    " source_timestamp, block_first"
)
MARK = (
    "SELECT max(source_offset), argMax(block_first, source_offset), count() FROM {table}"
    " WHERE source_topic = toUUID('00000000-0000-4000-8000-000000051ce0') AND source_partition = 1"
)
MARKS = (
    "PROJECTION marks (SELECT source_topic, source_partition, max(source_offset),"
    " argMax(block_first, source_offset), count() GROUP BY source_topic, source_partition)"
)


@dataclass(frozen=True)
class Cost:
    """What one statement took of the server."""

    cpu_s: float
    read_rows: int

    def __str__(self) -> str:
        return f"{self.read_rows:,} rows, {self.cpu_s * 1000:,.0f} ms"


class Server:
    """A ClickHouse that nothing else uses while it is measured."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def do(self, sql: str, settings: Mapping[str, Any] | None = None) -> Cost:
        before = self._cpu_us()
        result = self._client.query(sql, settings={**QUIET, **(settings or {})})
        return Cost((self._cpu_us() - before) / 1e6, int(result.summary.get("read_rows", 0)))

    def best(self, sql: str, settings: Mapping[str, Any] | None = None) -> Cost:
        """Give the cheapest of three."""
        return min((self.do(sql, settings) for _ in range(3)), key=lambda cost: cost.cpu_s)

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return self._client.query(sql).result_rows

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def make(self, columns: str, rest: str = "ORDER BY tuple()", like: str = "") -> str:
        """Make the trial's table anew and give its name."""
        self._client.command(f"DROP TABLE IF EXISTS {TRIAL}.trial")
        self._client.command(f"CREATE TABLE {TRIAL}.trial {like or f'({columns})'} ENGINE = MergeTree {rest}")
        return f"{TRIAL}.trial"

    def bytes_of(self, table: str) -> int:
        database, _, name = table.partition(".")
        return int(
            self.value(
                "SELECT sum(bytes_on_disk) FROM system.parts"
                f" WHERE active AND database = '{database}' AND table = '{name}'"
            )
        )

    def _cpu_us(self) -> int:
        return int(self.value("SELECT value FROM system.events WHERE event = 'OSCPUVirtualTimeMicroseconds'"))


def shares(server: Server) -> None:
    """Tell which columns the table's bytes are of."""
    whole, count = server.bytes_of("sluice.event_log"), server.value("SELECT count() FROM sluice.event_log")
    print(f"{count:,} rows, {mb(whole)}, {whole / count:.0f} bytes a row\n")
    rows = server.rows(
        "SELECT column, sum(column_data_compressed_bytes) AS size, sum(column_data_uncompressed_bytes)"
        " FROM system.parts_columns WHERE active AND database = 'sluice' AND table = 'event_log'"
        " GROUP BY column ORDER BY size DESC LIMIT 12"
    )
    show("column | stored | share | uncompressed", ((n, mb(c), f"{c / whole:.0%}", mb(u)) for n, c, u in rows))


def codecs(server: Server) -> None:
    """Try a column under several codecs, in the order in which the table holds it."""
    types = "SELECT name, type FROM system.columns WHERE database = 'sluice' AND table = 'event_log'"
    kinds = dict(server.rows(types))
    lines = []
    for name, tried in CODECS.items():
        source = f"sluice.event_log {ONE_MONTH if name in HEAVY else ''}"
        reading = server.do(f"SELECT count() FROM (SELECT {name} AS c FROM {source}) WHERE NOT ignore(c)").cpu_s
        for codec in tried:
            table = server.make(f"c {kinds[name]} CODEC({codec})")
            writing = server.do(f"INSERT INTO {table} SELECT {name} FROM {source}", IN_ORDER).cpu_s - reading
            read = server.best(f"SELECT count() FROM {table} WHERE NOT ignore(c)").cpu_s
            lines.append((name, codec, mb(server.bytes_of(table)), f"{writing:.1f} s", f"{read:.2f} s"))
    show("column | codec | stored | CPU to write | CPU to read", lines)


def texts(server: Server) -> None:
    """Hold LowCardinality against plain strings."""
    lines = []
    for name in TEXTS:
        for kind in TEXT_TYPES:
            table = server.make(f"c {kind}")
            server.do(f"INSERT INTO {table} SELECT {name} FROM sluice.event_log", IN_ORDER)
            grouped = server.best(f"SELECT c, count() FROM {table} GROUP BY c").cpu_s
            lines.append((name, kind, mb(server.bytes_of(table)), f"{grouped:.2f} s"))
    show("column | type | stored | CPU of a GROUP BY", lines)


def keys(server: Server) -> None:
    """Tell what the sorting key decides."""
    show(
        f"sorted by | stored | CPU to write | {' | '.join(QUESTIONS)}",
        (
            _questioned(
                server, name, f"PARTITION BY {MONTHLY} ORDER BY ({key})", BY_TIMESTAMP if "with" in name else ""
            )
            for name, key in KEYS.items()
        ),
    )


def whole_rows(server: Server) -> None:
    """Tell what two sorting keys make of all columns, on the rows of one site."""
    lines = []
    for name in ("site, day, type, visitor, time", "site, time"):
        table = server.make("", f"PARTITION BY {MONTHLY} ORDER BY ({KEYS[name]})", like="AS sluice.event_log")
        rows = "SELECT * FROM sluice.event_log WHERE project = 'app' AND site_id = 'ios'"
        filled = server.do(f"INSERT INTO {table} {rows}", {"optimize_on_insert": 0})
        server.rows(f"OPTIMIZE TABLE {table} FINAL")
        lines.append((name, mb(server.bytes_of(table)), f"{filled.cpu_s:.0f} s"))
    show("sorted by | stored | CPU to write", lines)


def partitions(server: Server) -> None:
    """Hold monthly partitions against daily ones and none."""
    show(
        f"partition | stored | CPU to write | {' | '.join(QUESTIONS)} | parts",
        (
            (
                *_questioned(server, name, f"PARTITION BY {partition} ORDER BY ({SORTED})"),
                server.value(f"SELECT count() FROM system.parts WHERE active AND database = '{TRIAL}'"),
            )
            for name, partition in PARTITIONS.items()
        ),
    )


def _questioned(server: Server, name: str, rest: str, index: str = "") -> Sequence[Any]:
    """Fill a narrow table, let it merge, since large parts are compressed otherwise, and ask it."""
    table = server.make(f"{NARROW}, {index}" if index else NARROW, rest)
    filled = _fill_narrow(server, table)
    server.rows(f"OPTIMIZE TABLE {table} FINAL")
    asked = [server.best(question.format(table=table)) for question in QUESTIONS.values()]
    return name, mb(server.bytes_of(table)), f"{filled.cpu_s:.0f} s", *asked


def _fill_narrow(server: Server, table: str) -> Cost:
    """Fill it from all rows; daily partitions are more than an INSERT may write to unless it is told so."""
    return server.do(
        f"INSERT INTO {table} ({NARROW_NAMES}) SELECT {NARROW_NAMES} FROM sluice.event_log",
        {"max_partitions_per_insert_block": 0, "optimize_on_insert": 0},
    )


def indexes(server: Server) -> None:
    """Tell for each skip index its size and what it saves."""
    sizes = "SELECT name, data_compressed_bytes FROM system.data_skipping_indices WHERE table = 'event_log'"
    of = dict(server.rows(sizes))
    one = "SELECT toString(any({0})) FROM sluice.event_log WHERE source_offset = 5000 AND {0} != {1}"
    zero = "toUUID('00000000-0000-0000-0000-000000000000')"
    last = server.value("SELECT max(source_offset) FROM sluice.event_log WHERE source_partition = 1")
    conditions = {
        "by_source_offset": f"source_partition = 1 AND source_offset >= {last - 200}",
        "by_changes_user": "changes_user",
        "by_event_id": f"event_id = '{server.value(one.format('event_id', zero))}'",
        "by_request_id": f"request_id = '{server.value(one.format('request_id', repr('')))}'",
        "by_order_id": f"order_id = '{server.value('SELECT max(order_id) FROM sluice.event_log')}'",
    }
    lines = []
    for name, condition in conditions.items():
        sql = f"SELECT count(), max(source_line), max(block_first) FROM sluice.event_log WHERE {condition}"
        lines.append((name, mb(of[name]), server.best(sql), server.best(sql, {"use_skip_indexes": 0})))
    show("index | stored | with it | without", lines)


def marks(server: Server) -> None:
    """Hold a mark that is read without a bound against the same by a projection."""
    lines = []
    for name, columns in {"no projection": NARROW, "projection marks": f"{NARROW}, {MARKS}"}.items():
        table = server.make(columns, f"PARTITION BY {MONTHLY} ORDER BY ({SORTED})")
        _fill_narrow(server, table)
        lines.append((name, mb(server.bytes_of(table)), server.best(MARK.format(table=table))))
    show("table | stored | a mark without a bound", lines)


def inserts(server: Server) -> None:
    """Tell what a block of 50,000 rows costs to insert, as the table is and otherwise."""
    last = server.value("SELECT max(block_first) FROM sluice.event_log WHERE source_partition = 1")
    server.rows(f"CREATE OR REPLACE TABLE {TRIAL}.block AS sluice.event_log ENGINE = Memory")
    of_block = f"source_partition = 1 AND block_first = {last}"
    server.rows(f"INSERT INTO {TRIAL}.block SELECT * FROM sluice.event_log WHERE {of_block}")
    dropped = "DROP INDEX by_event_id, DROP INDEX by_request_id, DROP INDEX by_order_id"
    changes = {
        "as it is": "",
        "without the bloom filters": dropped,
        "with a projection for marks": f"ADD {MARKS}",
        "payload in LZ4": "MODIFY COLUMN payload String CODEC(LZ4)",
        "payload in ZSTD(3)": "MODIFY COLUMN payload String CODEC(ZSTD(3))",
        "without payload": "DROP COLUMN payload",
    }
    lines = []
    for name, change in changes.items():
        table = server.make("", f"PARTITION BY {MONTHLY} ORDER BY ({SORTED})", like="AS sluice.event_log")
        if change:
            server.rows(f"ALTER TABLE {table} {change}")
        server.rows(f"SYSTEM STOP MERGES {table}")
        columns = "* EXCEPT payload" if name == "without payload" else "*"
        insert = f"INSERT INTO {table} SELECT {columns} FROM {TRIAL}.block"
        costs = [server.best(insert, IN_ORDER).cpu_s for _ in range(3)]
        lines.append((name, f"{min(costs) * 1000:,.0f} ms", f"{sorted(costs)[1] * 1000:,.0f} ms"))
    show("event_log | CPU for a block, best of 9 | median of the best of 3", lines)


def properties(server: Server) -> None:
    """Hold a Map against the same as JSON text and as a JSON column, on one month."""
    tried = {
        "Map(String, String)": ("properties", "c['query']"),
        "JSON text": ("toJSONString(properties)", "JSONExtractString(c, 'query')"),
        "JSON": ("toJSONString(properties)", "c.query::String"),
    }
    lines = []
    for name, (given, asked) in tried.items():
        kind = "String" if name == "JSON text" else name
        table = server.make(f"c {kind} CODEC(ZSTD(1))")
        written = server.do(f"INSERT INTO {table} SELECT {given} FROM sluice.event_log {ONE_MONTH}", IN_ORDER).cpu_s
        read = server.best(f"SELECT {asked} AS query, count() FROM {table} GROUP BY query").cpu_s
        lines.append((name, mb(server.bytes_of(table)), f"{written:.1f} s", f"{read:.2f} s"))
    show("properties as | stored | CPU to write | CPU of a GROUP BY one of them", lines)


SECTIONS: Mapping[str, Callable[[Server], None]] = {
    section.__name__: section
    for section in (shares, indexes, marks, keys, whole_rows, partitions, inserts, codecs, texts, properties)
}


def mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def show(head: str, lines: Iterable[Sequence[Any]]) -> None:
    print(f"| {head} |", f"|{'---|' * (head.count('|') + 1)}", sep="\n")
    for line in lines:
        print(f"| {' | '.join(str(cell) for cell in line)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all without any")
    parser.add_argument("--url", default="http://127.0.0.1:8123")
    options = parser.parse_args()
    with clickhouse_connect.get_client(dsn=options.url, send_receive_timeout=3600) as client:
        client.command(f"CREATE DATABASE IF NOT EXISTS {TRIAL}")
        for name in options.sections or SECTIONS:
            print(f"\n### {name}\n", flush=True)
            SECTIONS[name](Server(client))
        client.command(f"DROP DATABASE {TRIAL}")


if __name__ == "__main__":
    main()
