"""The event log in ClickHouse, over HTTP with clickhouse-connect.

Its client is synchronous, so every call runs in a thread of its own; sessions are off, so that calls may overlap.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from sluice.contract.errors import Reject, Retry
from sluice.role.address import without_credentials
from sluice.sinks import feed, native
from sluice.sinks.block import token
from sluice.sinks.columns import NAMES
from sluice.sinks.event_log import TOKENS, Mark
from sluice.sinks.refusals import in_words, may_be_the_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from sluice.contract.processed import Processed
    from sluice.sinks.block import Block

T = TypeVar("T")

_ENGINE = "SELECT engine FROM system.tables WHERE database = 'sluice' AND name = 'event_log'"

_MARK = """
SELECT max(source_offset), argMax(block_first, source_offset), count()
FROM sluice.event_log
WHERE source_topic = {topic_id:UUID} AND source_partition = {partition:UInt32} AND source_offset >= {at_least:UInt64}
"""

# One call is there when it returns, is deduplicated by its token, and is one part, whatever else the server prefers.
_INSERT_SETTINGS: dict[str, str | int] = {
    "async_insert": 0,
    "wait_end_of_query": 1,
    "deduplicate_insert": "enable",
    "max_insert_threads": 1,
    "max_insert_block_size": 1_000_000,
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 1024**3,
}


# On a cluster any replica may answer: an insert is there once most replicas have it, and a mark is read from one that
# has all of these. Such inserts ClickHouse takes one at a time for each table, and refuses others meanwhile.
REPLICATED_INSERT: dict[str, str | int] = {"insert_quorum": "auto", "insert_quorum_parallel": 0}
REPLICATED_READ: dict[str, str | int] = {"select_sequential_consistency": 1}


class ClickHouseEventLog:
    """The table `sluice.event_log` of the ClickHouse at `url`, for example "http://127.0.0.1:8123"."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._is_replicated = False
        self._turn = asyncio.Lock()
        self._lock = threading.Lock()
        self._connected: Client | None = None

    async def check(self) -> None:
        """See that the table is there, and whether it has replicas."""
        engines = await self._call(lambda client: client.query(_ENGINE).result_rows)
        if not engines:
            raise Retry(
                f"ClickHouse at {without_credentials(self.url)} has no table sluice.event_log: run sluice migrate"
            )
        self._is_replicated = engines[0][0].startswith(("Replicated", "Shared"))

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        """Give the mark of a partition."""
        parameters = {"topic_id": topic_id, "partition": partition, "at_least": at_least}
        settings = REPLICATED_READ if self._is_replicated else {}
        [(offset, block_first, rows)] = await self._ask(_MARK, parameters, settings)
        return Mark(offset, block_first) if rows else None

    async def insert(self, block: Block, token: str) -> None:
        """Append a block as one."""
        async with self._inserting(_INSERT_SETTINGS, token) as settings:
            await self._send("sluice.event_log", block.lines, block.first, settings)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        """Pass the block that brought a mark on to the roll-ups that lack it."""
        for attempt in range(TOKENS):
            lacking = await self._lacking(topic_id, partition, mark)
            if not lacking:
                return
            if attempt and await self.mark(topic_id, partition, at_least=mark.offset) is None:
                raise Retry(f"event_log does not hold raw offset {mark.offset}, which was given as its mark")
            await self._pass_on(topic_id, partition, mark, lacking, attempt)
            # What still lacks it has logged the token, and never kept its part.
        if lacking := await self._lacking(topic_id, partition, mark):
            raise Retry(
                f"ClickHouse says that the roll-ups {', '.join(lacking)} took the block from raw offset "
                f"{mark.block_first} on, and they do not have it"
            )

    async def _lacking(self, topic_id: str, partition: int, mark: Mark) -> Sequence[str]:
        """Give the roll-ups that have not been fed up to a mark."""
        parameters = {"topic_id": topic_id, "partition": partition, "first": mark.block_first}
        settings = REPLICATED_READ if self._is_replicated else {}
        [(rollups,)] = await self._ask(feed.ROLLUPS)
        if not rollups:
            raise Retry(f"ClickHouse at {without_credentials(self.url)} has no roll-ups: run sluice migrate")
        fed = await self._ask(feed.fed(rollups), parameters, settings)
        return [name for name, next_offset in fed if next_offset <= mark.offset]

    async def _pass_on(self, topic_id: str, partition: int, mark: Mark, lacking: Sequence[str], attempt: int) -> None:
        block = {"topic_id": topic_id, "partition": partition, "first": mark.block_first, "last": mark.offset}
        of_attempt = token(topic_id, partition, mark.block_first, attempt)
        columns = await self._ask(feed.COLUMNS)
        statement = feed.statement({name: type_name for name, type_name in columns}, lacking)  # noqa: C416 - no tuples
        async with self._inserting(feed.SETTINGS, of_attempt) as settings:
            await self._call(lambda client: client.command(statement, parameters=block, settings=settings))

    async def trial(self, lines: Sequence[Processed]) -> None:
        """Insert rows into the table's twin, which keeps none."""
        await self._send("sluice.event_log_trial", lines, lines[0].source.offset, _INSERT_SETTINGS)

    @asynccontextmanager
    async def _inserting(self, settings: dict[str, str | int], token: str) -> AsyncIterator[dict[str, str | int]]:
        """Give the settings of an insert with that token; on a cluster, in its turn."""
        settings = {**settings, "insert_deduplication_token": token}
        if not self._is_replicated:
            yield settings
            return
        async with self._turn:
            yield {**settings, **REPLICATED_READ, **REPLICATED_INSERT}

    async def _send(
        self, table: str, lines: Sequence[Processed], block_first: int, settings: dict[str, str | int]
    ) -> None:
        def send(client: Client) -> Any:
            rows = native.encode(lines, block_first)
            with _refusing_rows():
                return client.raw_insert(table, NAMES, rows, settings, "Native", native.COMPRESSION)

        await self._call(send)

    async def _ask(
        self, question: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Ask what always has an answer of at least one row."""
        asked = dict(parameters or {}), dict(settings or {})
        rows = await self._call(lambda client: client.query(question, *asked).result_rows)
        if not rows:  # so reads an answer that broke off within its headers
            raise Retry(f"ClickHouse at {without_credentials(self.url)} broke its answer off")
        return rows

    async def _call(self, call: Callable[[Client], T]) -> T:
        """Have a call made in a thread; it has to read its answer too, which the client leaves to the first look."""
        try:
            return await asyncio.to_thread(lambda: call(self._client()))
        except (ClickHouseError, HTTPError, OSError) as error:
            raise Retry(f"ClickHouse at {without_credentials(self.url)}: {error}") from error

    def _client(self) -> Client:
        with self._lock:
            if self._connected is None:
                self._connected = clickhouse_connect.get_client(
                    dsn=self.url,
                    autogenerate_session_id=False,
                    compress="lz4",
                    connect_timeout=5,
                    send_receive_timeout=60,
                    query_retries=0,
                )
            return self._connected


@contextmanager
def _refusing_rows() -> Iterator[None]:
    """Turn an error that may be for what the rows hold into `Reject`."""
    try:
        yield
    except DatabaseError as error:
        if may_be_the_rows(error.code, str(error)):
            raise Reject(in_words(str(error))) from error
        raise
