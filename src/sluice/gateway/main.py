"""The gateway's composition root."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import uvloop

from sluice.gateway.app import create_app
from sluice.gateway.clock import monotonic_clock, system_clock, uuid7
from sluice.gateway.coalescer import Coalescer
from sluice.gateway.intake import Intake
from sluice.gateway.keys import KeyRing
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.publishing.kafka import KafkaPublisher
from sluice.gateway.serve import serving
from sluice.gateway.settings_file import SettingsFollower, settings_file
from sluice.gateway.users.memory import MemoryUsers
from sluice.role.ready import say_ready
from sluice.role.start import log_to_stderr, name_process

if TYPE_CHECKING:
    from sluice.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)


def run(settings: GatewaySettings) -> None:
    """Run the gateway until SIGTERM or SIGINT; then finish what is in flight.

    Raises `Unusable` when a setting, the settings file, the port or Kafka forbids the start.
    """
    name_process("gateway")
    log_to_stderr(settings.gateway_log_level)
    # While the broker is away, aiokafka says twenty times a second what the publisher says once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    follower = SettingsFollower(settings_file(settings), monotonic_clock)
    uvloop.run(serve(settings, follower, KeyRing(follower.load())))


async def serve(settings: GatewaySettings, follower: SettingsFollower, keys: KeyRing) -> None:
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
        async with (
            follower.following(keys.take),
            serving(
                app,
                settings.gateway_host,
                settings.gateway_port,
                drain_timeout_s=settings.gateway_drain_timeout_ms / 1000,
            ) as url,
        ):
            log.info("listening on %s, %d partitions at %s", url, partitions, settings.kafka_bootstrap)
            say_ready()
            await stop.wait()
            log.info("stopping")
    finally:
        await coalescer.close()
        await publisher.close()
