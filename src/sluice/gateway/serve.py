"""Serving an application on a socket."""

from __future__ import annotations

import asyncio
import logging
import resource
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from sluice.contract.errors import Unusable
from sluice.gateway.connections import Connections, Patience, Traffic
from sluice.gateway.ids import uuid7

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

BACKLOG = 1024
"""How many connections the kernel keeps until we come to them; it keeps at most net.core.somaxconn."""

_FILES_BESIDE_CONNECTIONS = 256

# What has not finished when its time is up is cancelled; 0 would mean to wait for ever.
_FORCED_S = 0.1


@asynccontextmanager
async def serving(
    app: web.Application,
    host: str,
    port: int,
    *,
    port_setting: str = "SLUICE_GATEWAY_PORT",
    drain_timeout_s: float = 20.0,
    patience: Patience | None = None,
    max_connections: int = 10_000,
    traffic: Traffic | None = None,
) -> AsyncIterator[str]:
    """Serve until the block ends: then accept nothing more and finish what is in flight.

    Gives the base URL. A port of 0 takes any free one. Nothing is logged of a request: its URL may hold a key.

    Raises `Unusable` when the address cannot be listened on; it names `port_setting`.
    """
    runner = web.AppRunner(app, shutdown_timeout=_FORCED_S)
    await runner.setup()
    assert runner.server is not None
    connections = Connections(runner.server, uuid7, patience or Patience(), max_connections, traffic or Traffic())
    try:
        try:
            listener = await asyncio.get_running_loop().create_server(connections, host, port, backlog=BACKLOG)
        except OSError as error:
            raise Unusable(f"cannot listen on {host} port {port}: {error.strerror}; set {port_setting}") from None
        try:
            yield f"http://{host}:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            await connections.drain(drain_timeout_s)
    finally:
        await runner.cleanup()


def allow_connections(connections: int) -> None:
    """Let this process hold so many connections, each an open file, as far as the system permits (RLIMIT_NOFILE)."""
    wanted = connections + _FILES_BESIDE_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    permitted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < permitted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (permitted, hard))
    if permitted < wanted:
        log.warning(
            "%d connections need %d open files, but only %d are permitted (ulimit -Hn)", connections, wanted, hard
        )
