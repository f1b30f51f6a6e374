"""Realistic rows for `sluice.event_log`: `python benchmarks/event_log_rows.py --url URL`.

ClickHouse makes them itself (`event_log_rows.sql`): the same rows for the same number of them and the same seed. They
are of seven sites of three projects, and of four months: visitors who come back, orders, e-mail, users with
attributes, all outcomes, late events. The roll-ups are then filled from the table through `sluice.feed`, month by
month.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect

from sluice.sinks import feed as feeding
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

INSERT = Path(__file__).with_suffix(".sql").read_text("utf-8")
RECORD_ROWS = 48
BLOCK_ROWS = 1040 * RECORD_ROWS
"""Rows of one block of the ledger: all of one source partition and one month."""
BLOCKS_AT_ONCE = 20
PARTITIONS = 4
TOPIC = "00000000-0000-4000-8000-000000051ce0"
"""Kafka's id of the topic that the rows say they stood on."""
STARTS = [datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 8, 9, 10)]
"""When each month begins, and when the last one ends."""
NOT_DEDUPLICATED = {"async_insert": 0, "insert_deduplicate": 0}


def fill(client: Client, rows: int, seed: int = 1) -> None:
    """Insert rows, in parts of about a million."""
    blocks = -(-rows // BLOCK_ROWS)
    of_all = {
        "rows": rows,
        "seed": seed,
        "record_rows": RECORD_ROWS,
        "block_rows": BLOCK_ROWS,
        "blocks_a_month": -(-blocks // (len(STARTS) - 1)),
        "starts_ms": [int(start.timestamp() * 1000) for start in STARTS],
        "partitions": PARTITIONS,
        "topic": TOPIC,
    }
    step = BLOCK_ROWS * BLOCKS_AT_ONCE
    for first in range(0, rows, step):
        piece = {"first": first, "count": min(step, rows - first)}
        client.command(INSERT, parameters=of_all | piece, settings=NOT_DEDUPLICATED)


def feed(client: Client) -> None:
    """Fill the roll-ups, which must be empty, from the whole table, and mark in them how far it reaches."""
    columns = dict(client.query(feeding.COLUMNS).result_rows)
    [(rollups,)] = client.query(feeding.ROLLUPS).result_rows
    months = "SELECT DISTINCT toYYYYMM(source_timestamp) FROM sluice.event_log ORDER BY ALL"
    for (month,) in client.query(months).result_rows:
        rows = feeding.rows(columns, rollups, f"toYYYYMM(source_timestamp) = {month}")
        client.command(
            f"INSERT INTO sluice.feed ({', '.join(columns)}) SELECT * FROM {rows}", settings=NOT_DEDUPLICATED
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8123", help="a ClickHouse whose event_log is empty")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    migrate(options.url)
    with clickhouse_connect.get_client(dsn=options.url, send_receive_timeout=3600) as client:
        if client.command("SELECT count() FROM sluice.event_log"):
            raise SystemExit("sluice.event_log has rows: give a ClickHouse in which it is empty")
        started = time.monotonic()
        fill(client, options.rows, options.seed)
        filled = time.monotonic()
        print(f"rows: {filled - started:.0f} s", flush=True)
        feed(client)
        print(f"roll-ups: {time.monotonic() - filled:.0f} s")


if __name__ == "__main__":
    main()
