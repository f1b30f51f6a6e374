"""Composition root of the embedded ClickHouse."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
from typing import TYPE_CHECKING

import uvloop
from aiohttp import web

from sluice.contract.errors import Unusable
from sluice.local.clickhouse.app import create_app
from sluice.local.clickhouse.engine import Engine
from sluice.role.ready import say_ready
from sluice.role.start import log_to_stderr, name_process

if TYPE_CHECKING:
    from sluice.local.clickhouse.settings import ClickHouseSettings

_log = logging.getLogger(__name__)
_MAX_URL_BYTES = 1024 * 1024
_KEEP_ALIVE_S = 75.0


def run(settings: ClickHouseSettings) -> None:
    """Serve until SIGTERM or SIGINT; then let running requests finish, and close the engine.

    Raises `Unusable`: the port is taken, or the data directory cannot be used.
    """
    name_process("clickhouse")
    log_to_stderr(settings.clickhouse_log_level)
    engine = Engine.start(settings)
    try:
        uvloop.run(_serve(engine, settings))
    finally:
        engine.close()


async def _serve(engine: Engine, settings: ClickHouseSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        create_app(engine, settings),
        handle_signals=False,
        handler_cancellation=True,
        auto_decompress=False,
        access_log=None,
        keepalive_timeout=_KEEP_ALIVE_S,
        max_line_size=_MAX_URL_BYTES,
        max_field_size=_MAX_URL_BYTES,
        shutdown_timeout=settings.clickhouse_stop_timeout_s,
    )
    await runner.setup()
    try:
        await _listen(runner, settings)
        host, port = runner.addresses[0][:2]
        _log.info("ClickHouse answers on http://%s:%d", host, port)
        say_ready()
        await stop.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: ClickHouseSettings) -> None:
    host, port = settings.clickhouse_host, settings.clickhouse_port
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Unusable(
                f"port {port} of {host} is in use; stop what listens there or set SLUICE_CLICKHOUSE_PORT"
            ) from None
        raise Unusable(f"ClickHouse cannot listen on {host}:{port}: {error.strerror}") from None
