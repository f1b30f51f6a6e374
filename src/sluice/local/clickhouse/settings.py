"""Settings of the embedded ClickHouse."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sluice.role.settings import RoleSettings

MIB = 1024 * 1024


class ClickHouseSettings(RoleSettings):
    """Where the embedded ClickHouse listens, where it keeps its data, and what it may use.

    Environment: `SLUICE_` and the field's name in upper case.
    """

    clickhouse_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    clickhouse_port: int = Field(default=8123, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(default=Path(".sluice"), description="Directory that holds all data of the local stack.")
    clickhouse_path: Path | None = Field(
        default=None, description="Directory of its data; without it, `clickhouse` in the data directory."
    )
    clickhouse_database: str = Field(
        default="sluice", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Database of a request that names none."
    )
    clickhouse_user: str = Field(default="default", min_length=1, description="User that may write; no password.")
    clickhouse_reader: str = Field(
        default="reader", min_length=1, description="User that may only read tables; no password."
    )
    clickhouse_memory_bytes: int = Field(
        default=1024 * MIB, ge=256 * MIB, description="Memory that queries, inserts and merges share."
    )
    clickhouse_fsync: bool = Field(
        default=False, description="Write each part through to the disk before it is acknowledged (power loss)."
    )
    clickhouse_read_threads: int = Field(default=6, ge=1, le=64, description="Reads that run at the same time.")
    clickhouse_write_threads: int = Field(
        default=4, ge=1, le=64, description="Inserts and other statements that run at the same time."
    )
    clickhouse_max_concurrent_queries: int = Field(
        default=100, ge=1, description="Reads, and likewise writes, that run or wait before code 202."
    )
    clickhouse_max_query_bytes: int = Field(
        default=16 * MIB, ge=262_144, description="Longest statement, not counting the data of an INSERT."
    )
    clickhouse_stop_timeout_s: float = Field(
        default=30.0, ge=0, description="How long running requests may take to finish when it stops."
    )
    clickhouse_log_level: str = Field(
        default="info", pattern=r"^(critical|error|warning|info|debug)$", description="Log level."
    )

    @property
    def directory(self) -> Path:
        """Give the directory of its data."""
        return self.clickhouse_path or self.data_dir / "clickhouse"
