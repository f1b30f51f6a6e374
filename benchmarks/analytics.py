"""How long the questions of docs/analytics.md take: `python benchmarks/analytics.py`.

Each query is asked as it stands there, for the site `shop_de` and four months, and once more for all sites of all
projects, on a ClickHouse of its own with the rows of `event_log_rows.py`. The best of three counts, since the machine
does other things too; the CPU time, in brackets, tells what it takes on a machine that does nothing else. What
ClickHouse remembers of a question's conditions does not help it the second time.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from event_log_rows import feed, fill
from users import cpu_s, running

from sluice.local.kafka.port import free_port
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clickhouse_connect.driver.client import Client

DOCUMENT = Path(__file__).parent.parent / "docs" / "analytics.md"
QUESTION = re.compile(r"^### (.+?)$.*?^```sql$(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_ONE_SITE = re.compile(r"(\w+\.)?(project|site_id) = \{\w+:String\}")
PARAMETERS = {
    "project": "shop",
    "site_id": "shop_de",
    "from": "2026-06-01",
    "to": "2026-09-30",
    "now": "2026-09-30 12:00:00",
    "page": "https://shop_de.example/home/0",
    "currency": "EUR",
    "attribute": "plan",
}
EXAMPLES = "SELECT min(event_id) AS event_id, max(user_id) AS user_id FROM sluice.events WHERE site_id = 'shop_de'"
TIMES = 3
BARS_S = (1, 10)
"""What a question may take for the one site, and for all of them."""
MEMORY_BYTES = 4 * 1024**3
"""Of which ClickHouse wants 1 GiB free for each thread of a query."""


def questions() -> dict[str, str]:
    """Give the queries of the document by their headings."""
    return dict(QUESTION.findall(DOCUMENT.read_text("utf-8")))


def measured(client: Client, pid: int, query: str, parameters: Mapping[str, Any], bar_s: float) -> str:
    """Give the time until all rows are here, and the CPU time, at best; bold where it is over the bar."""
    took = []
    for _ in range(TIMES):
        started, used = time.monotonic(), cpu_s(pid)
        try:
            client.raw_query(query, parameters=parameters, settings={"use_query_condition_cache": 0})
        except ClickHouseError as error:
            return str(error)[:200]
        took.append((time.monotonic() - started, cpu_s(pid) - used))
    wall, cpu = (min(times) for times in zip(*took, strict=True))
    mark = "**" if wall > bar_s else ""
    return f"{mark}{wall:.2f} s{mark} ({cpu:.2f})"


@contextmanager
def filled(rows: int) -> Iterator[tuple[str, int]]:
    """Run a ClickHouse with so many rows; give its address and its process id."""
    with tempfile.TemporaryDirectory() as temporary:
        directory, port = Path(temporary), free_port()
        url = f"http://127.0.0.1:{port}"
        settings = {
            "SLUICE_CLICKHOUSE_PORT": str(port),
            "SLUICE_CLICKHOUSE_PATH": str(directory / "clickhouse"),
            "SLUICE_CLICKHOUSE_MEMORY_BYTES": str(MEMORY_BYTES),
        }
        with running("clickhouse", directory, **settings) as pid:
            migrate(url)
            with clickhouse_connect.get_client(dsn=url, send_receive_timeout=3600) as client:
                fill(client, rows)
                feed(client)
            yield url, pid


def ask(url: str, pid: int, only: str) -> None:
    with clickhouse_connect.get_client(dsn=url, send_receive_timeout=3600) as client:
        parameters = {**PARAMETERS, **next(iter(client.query(EXAMPLES).named_results()))}
        print("| question | one site | all sites |\n|---|---|---|")
        for question, query in questions().items():
            if only.lower() in question.lower():
                asked = zip((query, OF_ONE_SITE.sub("true", query)), BARS_S, strict=True)
                cells = (measured(client, pid, text, parameters, bar_s) for text, bar_s in asked)
                print(f"| {question} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--only", default="", help="part of the headings of the questions to ask")
    parser.add_argument("--url", help="a ClickHouse that holds the rows already; wants --pid")
    parser.add_argument("--pid", type=int, help="its process")
    options = parser.parse_args()
    if options.url:
        ask(options.url, options.pid, options.only)
        return
    with filled(options.rows) as (url, pid):
        ask(url, pid, options.only)


if __name__ == "__main__":
    main()
