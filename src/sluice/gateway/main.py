"""The gateway's composition root."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import uvloop

from sluice.contract import topics
from sluice.gateway.app import create_app, create_metrics_app
from sluice.gateway.coalescer import Coalescer
from sluice.gateway.connections import Patience, Traffic
from sluice.gateway.ids import uuid7
from sluice.gateway.intake import Intake
from sluice.gateway.keys import KeyRing
from sluice.gateway.limits.open import open_limiter
from sluice.gateway.load import Load
from sluice.gateway.proxies import TrustedProxies
from sluice.gateway.publishing.kafka import KafkaPublisher
from sluice.gateway.serve import allow_connections, serving
from sluice.gateway.settings_file import settings_file
from sluice.gateway.users.directory import KafkaUsers, known_users
from sluice.gateway.watched import show_neighbours, show_own
from sluice.kafka.topic_ids import await_topics
from sluice.role.clock import monotonic_clock, system_clock
from sluice.role.ready import Statuses, say_ready
from sluice.role.settings_file import SettingsFollower
from sluice.role.start import log_to_stderr, name_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from sluice.gateway.limits.fail_open import FailOpen
    from sluice.gateway.metrics import Metrics
    from sluice.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)


def run(settings: GatewaySettings) -> None:
    """Run the gateway until SIGTERM or SIGINT; then finish what is in flight.

    Waits for Kafka where it is not there yet. Raises `Unusable` when a setting, the settings file, the port or a
    missing topic forbids the start.
    """
    name_process("gateway")
    log_to_stderr(settings.gateway_log_level)
    # While the broker is away, aiokafka says twenty times a second what the publisher says once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    allow_connections(settings.gateway_max_connections)
    statuses = Statuses()
    follower = SettingsFollower(settings_file(settings), say=statuses.of("settings file"))
    uvloop.run(_run(settings, follower, KeyRing(follower.load()), statuses))


async def _run(settings: GatewaySettings, follower: SettingsFollower, keys: KeyRing, statuses: Statuses) -> None:
    """Serve. A signal that comes earlier, while Kafka is waited for or the known users are read, ends it at once."""
    given_up = asyncio.Event()
    gateway = asyncio.create_task(serve(settings, follower, keys, statuses))

    def give_up() -> None:
        log.info("stopping before it serves")
        given_up.set()
        gateway.cancel()

    _on_signal(give_up)
    try:
        await gateway
    except asyncio.CancelledError:
        if not given_up.is_set():
            raise


async def serve(settings: GatewaySettings, follower: SettingsFollower, keys: KeyRing, statuses: Statuses) -> None:
    """Connect, listen, say that it is ready, and from then on stop on a signal without losing a request."""
    await await_topics(settings.kafka_bootstrap, [topics.RAW.name, topics.USERS_KNOWN.name])
    url, timeout_s = settings.redis_url.get_secret_value(), settings.redis_timeout_ms / 1000
    deadline_s = settings.gateway_publish_deadline_ms / 1000
    async with (
        open_limiter(url, timeout_s, monotonic_clock) as limiter,
        known_users(
            settings.kafka_bootstrap,
            settings.gateway_data_dir,
            deadline_s=deadline_s,
            say=statuses.of("known users"),
        ) as users,
    ):
        await _serve(settings, follower, keys, limiter, users)


async def _serve(
    settings: GatewaySettings, follower: SettingsFollower, keys: KeyRing, limiter: FailOpen, users: KafkaUsers
) -> None:
    publisher = KafkaPublisher(settings.kafka_bootstrap, deadline_s=settings.gateway_publish_deadline_ms / 1000)
    partitions = await publisher.start()
    stop = asyncio.Event()
    _on_signal(stop.set)
    coalescer = Coalescer(
        publisher,
        partitions,
        linger_ms=settings.gateway_linger_ms,
        max_pending_bytes=settings.gateway_max_pending_bytes,
    )
    intake = Intake(
        keys,
        limiter,
        users,
        coalescer,
        system_clock,
        uuid7,
        TrustedProxies.parse(settings.gateway_trusted_proxies),
        Load(settings.gateway_max_requests, settings.gateway_max_held_bytes),
        body_timeout_s=settings.gateway_body_timeout_ms / 1000,
    )
    traffic = Traffic()
    show_own(intake.metrics, intake.load, traffic, follower)
    show_neighbours(intake.metrics, publisher, users, limiter)
    app = create_app(intake, publisher, stop.is_set)
    try:
        async with (
            follower.following(keys.take),
            _serving_metrics(settings, intake.metrics),
            _serving(settings, app, traffic) as url,
        ):
            log.info("listening on %s, %d partitions at %s", url, partitions, settings.kafka_bootstrap)
            # What the start has made stays. To look through it again and again took a tenth of the time.
            gc.collect()
            gc.freeze()
            say_ready()
            await stop.wait()
            log.info("stopping")
            await asyncio.sleep(settings.gateway_lame_duck_ms / 1000)
    finally:
        await coalescer.close()
        await publisher.close()


def _on_signal(act: Callable[[], object]) -> None:
    """Do this from now on, instead of what was to be done before, when the process is asked to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)


def _serving(settings: GatewaySettings, app: web.Application, traffic: Traffic) -> AbstractAsyncContextManager[str]:
    return serving(
        app,
        settings.gateway_host,
        settings.gateway_port,
        drain_timeout_s=settings.gateway_drain_timeout_ms / 1000,
        patience=Patience(
            head_s=settings.gateway_head_timeout_ms / 1000,
            answer_s=settings.gateway_answer_timeout_ms / 1000,
            idle_s=settings.gateway_keepalive_timeout_ms / 1000,
        ),
        max_connections=settings.gateway_max_connections,
        traffic=traffic,
    )


@asynccontextmanager
async def _serving_metrics(settings: GatewaySettings, metrics: Metrics) -> AsyncIterator[None]:
    if settings.gateway_metrics_port is None:
        yield
        return
    app = create_metrics_app(metrics, uuid7)
    host, port = settings.gateway_metrics_host, settings.gateway_metrics_port
    async with serving(app, host, port, port_setting="SLUICE_GATEWAY_METRICS_PORT") as url:
        log.info("metrics at %s/metrics", url)
        yield
