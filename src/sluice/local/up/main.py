"""Composition root of `sluice up`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.up.child import Guard
from sluice.local.up.display import display_for
from sluice.local.up.plan import LOCAL_STACK, environment, own_settings_file, roles, without
from sluice.local.up.preflight import own_directory, provide_settings_file, refuse_full_disk, refuse_taken_ports
from sluice.local.up.screen import copyable_command, ready_screen
from sluice.local.up.supervisor import Supervisor
from sluice.role.start import name_process

if TYPE_CHECKING:
    from collections.abc import Collection

    from sluice.local.up.display import Display
    from sluice.local.up.plan import Plan
    from sluice.local.up.settings import UpSettings

_LONGEST_TEMP_DIR = 64


def run(settings: UpSettings, left_out: Collection[str] = (), plan: Plan = LOCAL_STACK) -> None:
    """Run the local stack in the foreground until SIGINT, SIGTERM or SIGHUP.

    `left_out` names roles and steps that are not started. Raises `Unusable` if the stack cannot start; then, as
    after a signal, none of its processes is left.
    """
    try:
        plan = without(plan, left_out)
    except ValueError as error:
        raise Unusable(f"--without: {error}") from None
    name_process("up")
    with own_directory(settings.data_dir):
        refuse_full_disk(settings.data_dir)
        refuse_taken_ports(settings, {role.name for role in roles(plan)})
        if settings.settings_file is None:
            provide_settings_file(own_settings_file(settings.data_dir))
        asyncio.run(_supervise(plan, settings))


async def _supervise(plan: Plan, settings: UpSettings) -> None:
    began = time.monotonic()
    display = display_for(sys.stdout)
    log_dir = settings.data_dir / "logs"
    log_dir.mkdir(exist_ok=True)
    with ExitStack() as stack:
        socket_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-", dir=_short_temp_dir()))
        guard = stack.enter_context(closing(Guard()))
        supervisor = Supervisor(plan, environment(settings, os.environ), log_dir, socket_dir, guard, display)
        stop_requested = _on_signals(supervisor, display)
        try:
            if await _start_unless_stopped(supervisor, stop_requested):
                display.settle()
                command = copyable_command(sys.argv[0], Path.cwd())
                display.line(ready_screen(settings, command, time.monotonic() - began))
                await stop_requested.wait()
        finally:
            display.settle()
            await supervisor.stop()


async def _start_unless_stopped(supervisor: Supervisor, stop_requested: asyncio.Event) -> bool:
    """Start everything; False if the user wants it to stop before that is done."""
    start = asyncio.create_task(supervisor.start())
    stop = asyncio.create_task(stop_requested.wait())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        await asyncio.wait({start})
    if start.cancelled():
        return False
    start.result()
    return True


def _short_temp_dir() -> str | None:
    """Avoid a TMPDIR that is too long: the path of a Unix socket may have 104 bytes at most."""
    return "/tmp" if len(tempfile.gettempdir()) > _LONGEST_TEMP_DIR else None  # noqa: S108


def _on_signals(supervisor: Supervisor, display: Display) -> asyncio.Event:
    """Give the event that the first signal sets; the second kills what the first has not yet stopped."""
    stop_requested = asyncio.Event()

    def handle() -> None:
        if stop_requested.is_set():
            display.line("stopping at once")
            supervisor.kill()
            return
        stop_requested.set()
        display.settle()
        display.line("stopping; once more to stop at once")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, handle)
    return stop_requested
