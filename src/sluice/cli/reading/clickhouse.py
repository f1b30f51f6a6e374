"""Asking ClickHouse with bound parameters, read-only, or changing it; and its errors in one sentence."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from urllib3.exceptions import HTTPError

from sluice.contract.errors import Unusable
from sluice.role.address import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clickhouse_connect.driver.client import Client

T = TypeVar("T")

READ_ONLY = {"readonly": 2}
"""ClickHouse's own setting: nothing can be changed but limits; a slip of the hand costs no table."""

_LONG_STATEMENTS = {"max_query_size": 64 * 2**20}
"""In bytes, of the statement itself; what is bound to it has 256 KiB at most, and the error otherwise repeats it."""

_SCHEMA_CODES = frozenset({47, 60, 81})
"""UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, UNKNOWN_DATABASE."""

ERRORS = (ClickHouseError, HTTPError, OSError, ValueError)
"""What clickhouse-connect raises where ClickHouse refuses, or cannot be reached."""


def connected(url: str, timeout_s: int = 300) -> Client:
    """Give a client of the ClickHouse at `url`, for example "http://127.0.0.1:8123"; it waits so long for an answer.

    Raises `Unusable` in one sentence where none answers there.
    """
    # It logs each failure too; here it becomes one sentence.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)
    try:
        return clickhouse_connect.get_client(
            dsn=url,
            autogenerate_session_id=False,
            connect_timeout=5,
            send_receive_timeout=timeout_s,
            form_encode_query_params=True,  # an id may be longer than a proxy takes in a URL
        )
    except ERRORS as error:
        raise Unusable(f"ClickHouse at {without_credentials(url)} does not answer: {sentence(error)}") from error


def sentence(error: Exception) -> str:
    """Give an error in one line, without what clickhouse-connect and ClickHouse add for programmers."""
    text = str(error)
    if refused := re.search(r"\[Errno -?\d+\] ([^'\")]+)", text):
        return refused[1]
    found = re.search(r"DB::Exception: (.*)", text, re.DOTALL)
    line = (found[1] if found else text).strip().split("\n")[0]
    line = re.sub(r"\s*\(for url .*?\)|\s*\(version .*?\)+", "", line)
    line = re.sub(r"\.? Expected one of: .*?(?=\. \([A-Z_]+\)|$)", "", line)  # the names of a hundred grammar rules
    return line.strip() or type(error).__name__


def refusal(error: Exception, url: str) -> str:
    """Say why ClickHouse at `url` refuses a statement of ours; if it lacks a table or column, what to do."""
    of, said = f"ClickHouse at {without_credentials(url)}", sentence(error)
    if isinstance(error, Error) and error.code in _SCHEMA_CODES and "sluice" in said:
        return f"{of} lacks what this version needs: run `sluice migrate` ({said.partition('. ')[0]})"
    return f"{of}: {said}"


class ClickHouse:
    """The ClickHouse at `url`, for example "http://127.0.0.1:8123". Questions may be asked side by side.

    Where they hold what its log of queries must not keep, it is `unlogged`. An answer is waited for `timeout_s`.
    """

    def __init__(self, url: str, *, unlogged: bool = False, timeout_s: int = 300) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._settings = {"log_queries": 0} if unlogged else {}
        self._lock = threading.Lock()
        self._connected: Client | None = None

    async def ask(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Give the rows of one statement; each `{name:Type}` in it is bound to the parameter of that name.

        Raises `Unusable` in one sentence when ClickHouse refuses, or when it cannot be reached.
        """
        return await _in_daemon_thread(lambda: self._ask(sql, parameters))

    async def change(self, sql: str, **parameters: Any) -> None:
        """Run one statement that changes something; what is bound, and what is raised, is as in `ask`."""
        await _in_daemon_thread(lambda: self._change(sql, parameters))

    def _ask(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        client = self._client()
        with self._refusals():
            rows: Sequence[Sequence[Any]] = client.query(
                sql, parameters=parameters, settings=READ_ONLY | _LONG_STATEMENTS | self._settings
            ).result_rows
        return rows

    def _change(self, sql: str, parameters: dict[str, Any]) -> None:
        client = self._client()
        with self._refusals():
            client.command(
                sql, parameters=parameters, settings={"async_insert": 0} | _LONG_STATEMENTS | self._settings
            )

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            raise Unusable(refusal(error, self._url)) from error

    def _client(self) -> Client:
        with self._lock:
            if self._connected is None:
                self._connected = connected(self._url, self._timeout_s)
            return self._connected


async def _in_daemon_thread(call: Callable[[], T]) -> T:
    """Do what `asyncio.to_thread` does in a thread that nothing waits for once the answer is not wanted any more.

    ClickHouse may take minutes to answer, and Ctrl-C ends the process at once.
    """
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()  # so that giving it up does not keep the thread from setting it

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised to the one who waits
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wrap_future(answer)
