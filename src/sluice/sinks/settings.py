"""The settings of the sinks' role."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sluice.kafka.settings import KafkaSettings
from sluice.role.settings import RoleSettings

GROUP = "sluice-sinks"
"""The sinks' consumer group."""


class ClickHouseClientSettings(RoleSettings):
    """How to reach ClickHouse."""

    clickhouse_url: str = Field(
        "http://127.0.0.1:8123", description="ClickHouse's HTTP interface, with user if needed"
    )


class SinkSettings(KafkaSettings, ClickHouseClientSettings):
    """How the sinks run."""

    data_dir: Path = Field(Path(".sluice"), description="where this machine's roles keep what they write")
    sinks_instance: str = Field(
        "", description="a name that stays with this worker over restarts; then a restart moves no partitions"
    )
    sinks_batch_records: int = Field(64, ge=1, description="records of events.processed in one batch at most")
    sinks_batch_wait_ms: int = Field(1000, ge=1, description="how long a batch waits for more records")
    sinks_session_timeout_ms: int = Field(
        10_000, ge=1000, description="after so long without a sign of life the group gives a worker's partitions away"
    )
    sinks_log_level: str = Field("info", description="debug, info, warning or error")
