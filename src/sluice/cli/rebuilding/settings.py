"""The settings of `sluice rollups`."""

from __future__ import annotations

from pydantic import Field

from sluice.cli.reading.settings import ReadingSettings


class RollupsSettings(ReadingSettings):
    """Where Kafka and ClickHouse are, and how the schema lives there."""

    clickhouse_cluster: str = Field(
        "", description="the cluster that has the schema, as `sluice migrate` has it; empty for one server"
    )
