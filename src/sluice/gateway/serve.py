"""Serving the application on a socket."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, *, drain_timeout_s: float = 20.0) -> AsyncIterator[str]:
    """Serve until the block ends: then accept nothing more and finish what is in flight.

    Gives the base URL. A port of 0 takes any free one. Nothing is logged of a request: its URL may hold a key.

    Raises `Unusable` when the address cannot be listened on.
    """
    runner = web.AppRunner(
        app, auto_decompress=False, access_log=None, logger=_mute_logger(), shutdown_timeout=drain_timeout_s
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise Unusable(
                f"cannot listen on {host} port {port}: {error.strerror}; set SLUICE_GATEWAY_PORT"
            ) from None
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _mute_logger() -> logging.Logger:
    """Give aiohttp's server a logger that says nothing.

    It would quote the line of a request that is no HTTP, with the key in it. What fails in a handler is logged by
    the gateway itself.
    """
    return logging.Logger("sluice.gateway.http", logging.CRITICAL + 1)
