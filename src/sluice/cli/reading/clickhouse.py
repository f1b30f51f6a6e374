"""Asking ClickHouse with bound parameters, read-only."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from sluice.cli.query import sentence
from sluice.contract.errors import Unusable
from sluice.role.address import without_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

_READ_ONLY = {"readonly": 2}


class ClickHouse:
    """The ClickHouse at `url`, for example "http://127.0.0.1:8123". Questions may be asked side by side."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connected: Client | None = None
        # It logs each failure too; here it becomes one sentence.
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)

    async def ask(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Give the rows of one statement; each `{name:Type}` in it is bound to the parameter of that name.

        Raises `Unusable` in one sentence when ClickHouse refuses, or when it cannot be reached.
        """
        return await asyncio.to_thread(self._ask, sql, parameters)

    def _ask(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        try:
            rows: Sequence[Sequence[Any]] = (
                self._client().query(sql, parameters=parameters, settings=_READ_ONLY).result_rows
            )
        except (ClickHouseError, HTTPError, OSError, ValueError) as error:
            raise Unusable(f"ClickHouse at {without_credentials(self._url)}: {sentence(error)}") from error
        return rows

    def _client(self) -> Client:
        with self._lock:
            if self._connected is None:
                self._connected = clickhouse_connect.get_client(
                    dsn=self._url,
                    autogenerate_session_id=False,
                    connect_timeout=5,
                    send_receive_timeout=300,
                    form_encode_query_params=True,  # an id may be longer than a proxy takes in a URL
                )
            return self._connected
