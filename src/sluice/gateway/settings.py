"""The settings of the gateway's role."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sluice.kafka.settings import KafkaSettings


class GatewaySettings(KafkaSettings):
    """How the gateway runs."""

    gateway_host: str = Field("127.0.0.1", description="address to listen on")
    gateway_port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0: any free one")
    settings_file: Path | None = Field(
        None, description="the TOML file of projects, keys and limits; the local stack has its own"
    )
    local: bool = Field(False, description="run as part of the local stack: only there the demo keys are good")
    gateway_linger_ms: float = Field(
        5, ge=0, le=1000, description="how long an event waits for others to share its record on Kafka"
    )
    gateway_publish_deadline_ms: int = Field(
        10_000, ge=100, description="after so long without Kafka's acknowledgement a request is answered with 503"
    )
    gateway_max_pending_bytes: int = Field(
        256 * 1024 * 1024, ge=1024 * 1024, description="how much may wait for Kafka before requests are refused"
    )
    gateway_drain_timeout_ms: int = Field(
        20_000, ge=0, description="how long requests in flight may take to finish when the gateway is stopped"
    )
    gateway_log_level: str = Field("info", description="debug, info, warning or error")
