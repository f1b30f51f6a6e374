"""The gateway's composition root."""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import signal
import tomllib
from typing import TYPE_CHECKING

import uvloop

from sluice.contract import projects
from sluice.contract.errors import Unusable
from sluice.gateway.app import create_app
from sluice.gateway.clock import monotonic_clock, system_clock, uuid7
from sluice.gateway.coalescer import Coalescer
from sluice.gateway.intake import Intake
from sluice.gateway.keys import KeyRing
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.publishing.kafka import KafkaPublisher
from sluice.gateway.serve import serving
from sluice.gateway.users.memory import MemoryUsers
from sluice.role.ready import say_ready
from sluice.role.start import log_to_stderr, name_process

if TYPE_CHECKING:
    from sluice.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

DEMO_KEYS = ("pulse_prod_demo", "demo_public", "pulse_prod_load")
"""Everybody knows these keys; they are good on one's own machine only."""

LOOPBACK = "127.0.0.1"


def run(settings: GatewaySettings) -> None:
    """Run the gateway until SIGTERM or SIGINT; then finish what is in flight.

    Raises `Unusable` when a setting, the settings file, the port or Kafka forbids the start.
    """
    name_process("gateway")
    log_to_stderr(settings.gateway_log_level)
    # While the broker is away, aiokafka says twenty times a second what the publisher says once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    uvloop.run(serve(settings, KeyRing(load_projects(settings))))


def load_projects(settings: GatewaySettings) -> projects.Projects:
    """Read the settings file; the local stack's own where none is named.

    Raises `Unusable` when it is missing or wrong, or holds the demo keys for anywhere but this machine.
    """
    parsed = projects.parse(_read_toml(settings))
    demo_allowed = settings.local and settings.gateway_host == LOOPBACK
    if not demo_allowed and KeyRing(parsed).holds_any(DEMO_KEYS):
        raise Unusable(
            f"the settings file holds the demo keys, which everybody knows: they are good only with SLUICE_LOCAL=1 "
            f"and SLUICE_GATEWAY_HOST={LOOPBACK}"
        )
    return parsed


def _read_toml(settings: GatewaySettings) -> dict[str, object]:
    path = settings.settings_file
    if path is None and settings.local:
        return tomllib.loads(importlib.resources.files("sluice.local").joinpath("demo.toml").read_text("utf-8"))
    if path is None:
        raise Unusable("set SLUICE_SETTINGS_FILE to the file of projects and keys")
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Unusable(f"cannot read the settings file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unusable(f"the settings file {path} is not TOML: {error}") from None


async def serve(settings: GatewaySettings, keys: KeyRing) -> None:
    """Connect, listen, say that it is ready, and stop on a signal without losing a request."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    publisher = KafkaPublisher(settings.kafka_bootstrap, deadline_s=settings.gateway_publish_deadline_ms / 1000)
    partitions = await publisher.start()
    coalescer = Coalescer(
        publisher,
        partitions,
        linger_ms=settings.gateway_linger_ms,
        max_pending_bytes=settings.gateway_max_pending_bytes,
    )
    intake = Intake(keys, MemoryLimiter(monotonic_clock), MemoryUsers(), coalescer, system_clock, uuid7)
    app = create_app(intake, publisher)
    try:
        async with serving(
            app,
            settings.gateway_host,
            settings.gateway_port,
            drain_timeout_s=settings.gateway_drain_timeout_ms / 1000,
        ) as url:
            log.info("listening on %s, %d partitions at %s", url, partitions, settings.kafka_bootstrap)
            say_ready()
            await stop.wait()
            log.info("stopping")
    finally:
        await coalescer.close()
        await publisher.close()
