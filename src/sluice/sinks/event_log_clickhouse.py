"""The event log in ClickHouse, over HTTP with clickhouse-connect.

Its client is synchronous, so every call runs in a thread of its own; sessions are off, so that calls may overlap.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import clickhouse_connect
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from sluice.contract.errors import Retry
from sluice.role.address import without_credentials
from sluice.sinks.columns import NAMES, TYPES, columns
from sluice.sinks.event_log import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from sluice.sinks.block import Block

T = TypeVar("T")

_MARK = """
SELECT max(source_offset), argMax(block_first, source_offset), count()
FROM sluice.event_log
WHERE source_topic = {topic_id:UUID} AND source_partition = {partition:UInt32} AND source_offset >= {at_least:UInt64}
"""

# One call is there when it returns, is deduplicated by its token, and is put together to one part even if the client
# sent it in pieces.
_INSERT_SETTINGS = {
    "async_insert": 0,
    "wait_end_of_query": 1,
    "insert_deduplicate": 1,
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 1024**3,
}


class ClickHouseEventLog:
    """The table `sluice.event_log` of the ClickHouse at `url`, for example "http://127.0.0.1:8123"."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connected: Client | None = None

    async def check(self) -> None:
        """Ask the table for nothing."""
        await self._call(lambda client: client.query("SELECT source_offset FROM sluice.event_log LIMIT 0"))

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        """Give the mark of a partition."""
        parameters = {"topic_id": topic_id, "partition": partition, "at_least": at_least}
        result = await self._call(lambda client: client.query(_MARK, parameters=parameters))
        offset, block_first, rows = result.result_rows[0]
        return Mark(offset, block_first) if rows else None

    async def insert(self, block: Block, token: str) -> None:
        """Append a block as one."""
        await self._call(lambda client: _insert(client, block, token))

    async def _call(self, call: Callable[[Client], T]) -> T:
        try:
            return await asyncio.to_thread(lambda: call(self._client()))
        except (ClickHouseError, HTTPError, OSError) as error:
            raise Retry(f"ClickHouse at {without_credentials(self._url)}: {error}") from error

    def _client(self) -> Client:
        with self._lock:
            if self._connected is None:
                self._connected = clickhouse_connect.get_client(
                    dsn=self._url,
                    autogenerate_session_id=False,
                    compress="lz4",
                    connect_timeout=5,
                    send_receive_timeout=60,
                    query_retries=0,
                )
            return self._connected


def _insert(client: Client, block: Block, token: str) -> Any:
    lines = block.lines
    context = client.create_insert_context(
        "event_log",
        NAMES,
        database="sluice",
        column_types=[get_from_name(name) for name in TYPES],
        column_oriented=True,
        settings={**_INSERT_SETTINGS, "insert_deduplication_token": token},
    )
    # Before the data, since the client decides on its own pieces when it gets that.
    context.req_block_size = len(lines)
    context.data = columns(lines, block.first)
    return client.insert(context=context)
