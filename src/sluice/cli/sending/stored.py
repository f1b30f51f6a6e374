"""Looking for a run's events in ClickHouse, until all that were accepted are there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from sluice.cli.sending.traffic import NUMBER
from sluice.role.address import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_S = 0.25


@dataclass(frozen=True)
class Found:
    """A run's rows: `stored` in sluice.events, `rejected` in sluice.rejected_events, `different` events in both."""

    stored: int
    rejected: int
    different: int


async def wait_until_stored(
    clickhouse_url: str, run: str, expected: int, deadline_s: float, report: Callable[[Found], None]
) -> Found | str:
    """Poll until so many different events of the run are there, or the deadline is over; give what is there then.

    Gives a sentence instead when ClickHouse has not answered once.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    last: Found | str = "it was not asked"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        while True:
            answer = await _count(session, clickhouse_url, run)
            if isinstance(answer, Found):
                report(answer)
                last = answer
                if answer.different >= expected:
                    return answer
            elif isinstance(last, str):
                last = answer
            if loop.time() >= deadline:
                return last
            await asyncio.sleep(POLL_S)


COUNT = """
SELECT countIf(outcome = 'stored') AS stored, countIf(outcome != 'stored') AS rejected,
       uniqExact(properties[{number:String}]) AS different
FROM (
    SELECT 'stored' AS outcome, session_id, properties FROM sluice.events
    UNION ALL
    SELECT outcome, session_id, properties FROM sluice.rejected_events
)
WHERE startsWith(session_id, {prefix:String})
FORMAT JSONEachRow
"""


async def _count(session: aiohttp.ClientSession, url: str, run: str) -> Found | str:
    parts = urlsplit(url)
    auth = aiohttp.BasicAuth(parts.username, parts.password or "") if parts.username else None
    parameters = {"param_prefix": f"{run}_", "param_number": NUMBER, "output_format_json_quote_64bit_integers": "0"}
    try:
        async with session.post(without_credentials(url), params=parameters, data=COUNT, auth=auth) as answer:
            text = await answer.text()
            if answer.status != 200:
                return text.strip().split("\n")[0] or f"status {answer.status}"
            row = json.loads(text)
            return Found(row["stored"], row["rejected"], row["different"])
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__
