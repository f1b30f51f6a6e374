"""The settings of the sinks' role."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from sluice.contract.topics import MIB
from sluice.kafka.settings import KafkaSettings
from sluice.role.settings import RoleSettings
from sluice.sinks.schema.layout import layout_of
from sluice.sinks.schema.retention import LEAST_DAYS

GROUP = "sluice-sinks"
"""The sinks' consumer group."""


class ClickHouseClientSettings(RoleSettings):
    """How to reach ClickHouse."""

    clickhouse_url: str = Field(
        "http://127.0.0.1:8123", description="ClickHouse's HTTP interface, with user if needed"
    )


class MigrateSettings(ClickHouseClientSettings):
    """Where the schema lives, and for how long."""

    clickhouse_cluster: str = Field(
        "", description="the cluster that gets the schema, by its name or macro in ClickHouse; empty for one server"
    )
    event_log_ttl_days: int = Field(
        0, ge=0, description=f"days that event_log keeps a row, at least {LEAST_DAYS}; 0 for ever"
    )

    @field_validator("clickhouse_cluster")
    @classmethod
    def _is_a_cluster(cls, cluster: str) -> str:
        layout_of(cluster)
        return cluster

    @field_validator("event_log_ttl_days")
    @classmethod
    def _outlives_kafka(cls, days: int) -> int:
        if 0 < days < LEAST_DAYS:
            raise ValueError(
                f"must be 0 (for ever) or at least {LEAST_DAYS}: until then Kafka may deliver a row again"
            )
        return days


class SinkSettings(KafkaSettings, ClickHouseClientSettings):
    """How the sinks run."""

    data_dir: Path = Field(Path(".sluice"), description="where this machine's roles keep what they write")
    sinks_instance: str = Field(
        "", description="a name that stays with this worker over restarts; then a restart moves no partitions"
    )
    sinks_batch_records: int = Field(10_000, ge=1, description="records of events.processed in one batch at most")
    sinks_batch_bytes: int = Field(
        32 * MIB, ge=1, description="bytes of such records in one batch at most, unless a single one is larger"
    )
    sinks_batch_wait_ms: int = Field(
        1000, ge=1, description="how long a batch waits for more records after its first: an insert comes so often"
    )
    sinks_session_timeout_ms: int = Field(
        10_000, ge=1000, description="after so long without a sign of life the group gives a worker's partitions away"
    )
    sinks_log_level: str = Field("info", description="debug, info, warning or error")
