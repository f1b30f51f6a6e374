"""Settings of the supervisor: the addresses and the directory of the whole local stack."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from sluice.role.settings import RoleSettings


class UpSettings(RoleSettings):
    """Where the local stack listens and keeps its data."""

    gateway_host: str = Field("127.0.0.1", description="Address on which the gateway listens.")
    gateway_port: int = Field(8080, ge=1, le=65535, description="Port on which the gateway listens.")
    clickhouse_host: str = Field("127.0.0.1", description="Address on which ClickHouse listens.")
    clickhouse_port: int = Field(8123, ge=1, le=65535, description="Port of ClickHouse's HTTP interface.")
    kafka_host: str = Field("127.0.0.1", description="Address on which the embedded broker listens.")
    kafka_port: int = Field(9092, ge=1, le=65535, description="Port on which the embedded broker listens.")
    data_dir: Path = Field(Path(".sluice"), description="Directory that holds all data of the local stack.")
    settings_file: Path | None = Field(
        None, description="Projects and keys; without it, the data directory's own, at first a copy of the demo's."
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> UpSettings:
        ports = [self.gateway_port, self.clickhouse_port, self.kafka_port]
        if len(set(ports)) < len(ports):
            raise ValueError(f"gateway, ClickHouse and Kafka need three different ports, not {ports}")
        return self
