"""What the gateway's parts count for themselves, as its metrics show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.gateway.connections import Traffic
    from sluice.gateway.limits.fail_open import FailOpen
    from sluice.gateway.load import Load
    from sluice.gateway.metrics import Metrics
    from sluice.gateway.publishing.port import Publisher
    from sluice.gateway.users.directory import KafkaUsers
    from sluice.role.settings_file import SettingsFollower


def show_own(metrics: Metrics, load: Load, traffic: Traffic, follower: SettingsFollower) -> None:
    """Show what the gateway holds and turns away."""
    metrics.gauge("settings_file_ok", "0 while the settings file cannot be taken", lambda: follower.settings_file_ok)
    metrics.gauge("requests_in_flight", "Requests being handled", lambda: load.requests)
    metrics.gauge("held_body_bytes", "Bytes of the bodies of these requests", lambda: load.body_bytes)
    metrics.gauge("connections", "Open connections", lambda: traffic.open)
    metrics.counter("connections_refused_total", "Connections over the limit", lambda: traffic.turned_away)
    metrics.counter(
        "unreadable_requests_total", "Requests that are no HTTP, or never came whole", lambda: traffic.unreadable
    )


def show_neighbours(metrics: Metrics, publisher: Publisher, users: KafkaUsers, limiter: FailOpen) -> None:
    """Show how Kafka and Redis are reached."""
    metrics.gauge(
        "ready",
        "1 while Kafka can be reached and the known users are up to date",
        lambda: publisher.ready and users.ready,
    )
    metrics.counter("known_users_records_total", "Records read of the known users", lambda: users.records_read)
    metrics.counter("known_users_foreign_total", "Those of them that are none", lambda: users.foreign_records)
    metrics.counter(
        "uncounted_requests_total", "Requests that passed without being counted by limits", lambda: limiter.failures
    )
