"""Merging the event log's parts all the time, as ClickHouse may: nothing rests on a part's staying as it is."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp

MERGE = "OPTIMIZE TABLE sluice.event_log FINAL"
EVERY_S = 4.0
WITHIN_S = 30.0


async def merge(clickhouse_url: str, every_s: float = EVERY_S) -> None:
    """Merge again and again until cancelled; while ClickHouse is away, or busy with it, try again later."""
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(clickhouse_url, timeout=timeout) as session:
        while True:
            await asyncio.sleep(every_s)
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post("/", data=MERGE) as answer:
                    await answer.read()
