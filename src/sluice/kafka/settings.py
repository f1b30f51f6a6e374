"""The settings by which every role finds the broker, and by which the topics are made."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from sluice.role.settings import RoleSettings

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")


class KafkaSettings(RoleSettings):
    """How to reach Kafka."""

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's brokers, host:port, separated by commas")

    @field_validator("kafka_bootstrap")
    @classmethod
    def _is_addresses(cls, bootstrap: str) -> str:
        for address in bootstrap.split(","):
            found = _ADDRESS.fullmatch(address)
            if not found or not 1 <= int(found["port"]) <= 65_535:
                raise ValueError(f"must be host:port, or several separated by commas, not '{bootstrap}'")
        return bootstrap


class TopicSettings(KafkaSettings):
    """How the topics are made."""

    partitions: int = Field(4, ge=1, le=4096, description="partitions of every topic; fixed once they are made")
    replication: int = Field(1, ge=1, le=7, description="copies of every partition; 3 in production")
