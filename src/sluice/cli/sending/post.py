"""One POST to a gateway, and what its answer means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_CONNECTION = 0
"""In place of a status: the request has certainly not been sent."""


class Answer(NamedTuple):
    """The status (None: nobody can know whether the request arrived), the reason in words, and how long to wait."""

    status: int | None
    reason: str
    retry_after_s: float


async def post(session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send JSON once."""
    try:
        async with session.post(url, data=body, headers={**headers, "Content-Type": "application/json"}) as answer:
            text = await answer.text()
            retry_after = answer.headers.get("Retry-After", "")
            wait_s = float(retry_after) if retry_after.isdecimal() else 0.0
            return Answer(answer.status, f"{answer.status}, {words(text)}", wait_s)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Answer(NO_CONNECTION, f"no connection: {error}", 0.0)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(None, f"no answer: {type(error).__name__}", 0.0)


def words(text: str) -> str:
    """Give the sentence in an error's body, in the shape of any API, else the start of the body."""
    try:
        return _sentence(json.loads(text))
    except (ValueError, TypeError, LookupError):
        return text[:200]


def _sentence(error: dict[str, Any]) -> str:
    if "errors" not in error:
        return str(error["error"])
    first = error["errors"][0]
    return f"{first['message']}: {first['description']}"
