"""The settings of the processors' role."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from sluice.kafka.settings import KafkaSettings


class ProcessorSettings(KafkaSettings):
    """How the processors run."""

    data_dir: Path = Field(Path(".sluice"), description="where this machine's roles keep what they write")
    settings_file: Path | None = Field(
        None,
        description="the TOML file of projects and their rules, followed when it changes, the same as the gateways'; "
        "without it the documents' rules hold for every project; see rules.md",
    )
    local: bool = Field(False, description="run as part of the local stack: only there visitor_secret has a default")
    visitor_secret: SecretStr | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="secret under which visitor ids are hashed; never change it",
    )
    processors_instance: str = Field(
        "", description="a name that stays with this worker over restarts; then a restart moves no partitions"
    )
    processors_standby_replicas: int = Field(
        0, ge=0, description="other workers that keep a copy of a partition's state, to take it over at once"
    )
    processors_batch_records: int = Field(64, ge=1, description="raw records in one transaction at most")
    processors_batch_wait_ms: int = Field(100, ge=1, description="how long a transaction waits for more records")
    processors_session_timeout_ms: int = Field(
        10_000, ge=1000, description="after so long without a sign of life the group gives a worker's partitions away"
    )
    processors_pause_failed_percent: float = Field(
        5.0,
        ge=0,
        le=100,
        description="when rules fail on more than so many percent of a minute's events, their partition pauses "
        "until they are mended, rather than reject them; 100: never",
    )
    processors_pause_failed_events: int = Field(
        20, ge=1, description="a partition pauses only if rules fail on so many of a minute's events at least"
    )
    processors_log_level: str = Field("info", description="debug, info, warning or error")
