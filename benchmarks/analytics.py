"""How long the questions of docs/analytics.md take: `python benchmarks/analytics.py [--url URL] [--rows N]`.

Each query is asked as it stands there, for the site `shop_de` and four months, and once more for all sites of all
projects. The best of three counts, since the machine does other things too. Without --url, a ClickHouse of its own is
started and filled; one that is given must hold the rows of `event_log_rows.py`.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from event_log_rows import feed, fill
from users import running

from sluice.local.kafka.port import free_port
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Mapping

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
MEMORY_BYTES = 4 * 1024**3
"""Of which ClickHouse wants 1 GiB free for each thread of a query."""


def questions() -> dict[str, str]:
    """Give the queries of the document by their headings."""
    return dict(QUESTION.findall(DOCUMENT.read_text("utf-8")))


def seconds(client: Client, query: str, parameters: Mapping[str, Any]) -> float:
    """Give how long it takes until all rows are here, at best."""
    took = []
    for _ in range(TIMES):
        started = time.monotonic()
        client.raw_query(query, parameters=parameters)
        took.append(time.monotonic() - started)
    return min(took)


def measured(client: Client, query: str, parameters: Mapping[str, Any]) -> str:
    try:
        return f"{seconds(client, query, parameters):.2f} s"
    except ClickHouseError as error:
        return str(error)[:200]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--only", default="", help="part of the headings of the questions to ask")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.url
        if url is None:
            directory, port = Path(stack.enter_context(tempfile.TemporaryDirectory())), free_port()
            settings = {
                "SLUICE_CLICKHOUSE_PORT": str(port),
                "SLUICE_CLICKHOUSE_PATH": str(directory / "clickhouse"),
                "SLUICE_CLICKHOUSE_MEMORY_BYTES": str(MEMORY_BYTES),
            }
            stack.enter_context(running("clickhouse", directory, **settings))
            url = f"http://127.0.0.1:{port}"
        client = stack.enter_context(clickhouse_connect.get_client(dsn=url, send_receive_timeout=3600))
        if options.url is None:
            migrate(url)
            fill(client, options.rows)
            feed(client)
        parameters = {**PARAMETERS, **next(iter(client.query(EXAMPLES).named_results()))}
        print("| question | one site | all sites |\n|---|---|---|")
        for question, query in questions().items():
            if options.only.lower() in question.lower():
                everywhere = OF_ONE_SITE.sub("true", query)
                one, every = (measured(client, text, parameters) for text in (query, everywhere))
                print(f"| {question} | {one} | {every} |", flush=True)


if __name__ == "__main__":
    main()
