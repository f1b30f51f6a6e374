"""The settings of the gateway's role."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from sluice.gateway.proxies import TrustedProxies
from sluice.kafka.settings import KafkaSettings


class GatewaySettings(KafkaSettings):
    """How the gateway runs."""

    gateway_host: str = Field("127.0.0.1", description="address to listen on")
    gateway_port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0: any free one")
    settings_file: Path | None = Field(
        None, description="the TOML file of projects, keys, limits and rules, followed when it changes; see keys.md"
    )
    local: bool = Field(False, description="run as part of the local stack: only there the demo keys are good")
    gateway_data_dir: Path = Field(
        Path(".sluice/gateway"),
        description="where the gateway keeps its copy of the known users; no two may share it",
    )
    gateway_linger_ms: float = Field(
        5, ge=0, le=1000, description="how long an event waits for others to share its record on Kafka"
    )
    gateway_publish_deadline_ms: int = Field(
        10_000, ge=100, description="after so long without Kafka's acknowledgement a request is answered with 503"
    )
    gateway_max_pending_bytes: int = Field(
        256 * 1024 * 1024, ge=1024 * 1024, description="how much may wait for Kafka before requests are refused"
    )
    gateway_head_timeout_ms: int = Field(
        10_000, ge=1, description="how long a client may take for a request's line and headers, then 408"
    )
    gateway_body_timeout_ms: int = Field(30_000, ge=1, description="how long it may take for the body, then 408")
    gateway_answer_timeout_ms: int = Field(
        30_000, ge=1, description="how long it may take to read an answer; then the connection is dropped"
    )
    gateway_keepalive_timeout_ms: int = Field(
        75_000, ge=1, description="how long a connection may be idle between requests; longer than the balancer's own"
    )
    gateway_max_requests: int = Field(
        1000,
        ge=1,
        description="how many requests may be worked on at a time, each from when its body is there whole; a further "
        "one is answered with 503",
    )
    gateway_max_held_bytes: int = Field(
        512 * 1024 * 1024,
        ge=32 * 1024 * 1024,
        description="how much the bodies of all requests may take together, as far as they have come, before one is "
        "answered with 503; callers without a valid key share an eighth of it",
    )
    gateway_max_connections: int = Field(
        10_000, ge=1, description="how many connections may be open; a further one is closed at once"
    )
    gateway_trusted_proxies: str = Field(
        "", description="addresses and networks of the proxies whose X-Forwarded-For is believed, separated by commas"
    )
    gateway_metrics_host: str = Field("127.0.0.1", description="address on which /metrics is served")
    gateway_metrics_port: int | None = Field(
        None, ge=0, le=65535, description="port of /metrics, for Prometheus; without it nothing serves them"
    )
    gateway_lame_duck_ms: int = Field(
        0, ge=0, description="how long, once stopped, it goes on while /ready says 503, so that balancers move away"
    )
    gateway_drain_timeout_ms: int = Field(
        20_000, ge=0, description="how long requests in flight may take to finish when the gateway is stopped"
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description="the Redis in which all gateways count their limits, redis://user:password@host:port/database; "
        "without it each gateway counts for itself",
    )
    redis_timeout_ms: int = Field(
        100, ge=1, description="after so long without Redis's answer, connecting included, a request passes uncounted"
    )
    gateway_log_level: str = Field("info", description="debug, info, warning or error")

    @field_validator("gateway_trusted_proxies")
    @classmethod
    def _are_proxies(cls, proxies: str) -> str:
        TrustedProxies.parse(proxies)
        return proxies
