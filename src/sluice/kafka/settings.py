"""The settings by which every role finds the broker, and by which the topics are made."""

from __future__ import annotations

from pydantic import Field

from sluice.role.settings import RoleSettings


class KafkaSettings(RoleSettings):
    """How to reach Kafka."""

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's brokers, host:port, separated by commas")


class TopicSettings(KafkaSettings):
    """How the topics are made."""

    partitions: int = Field(4, ge=1, le=4096, description="partitions of every topic; fixed once they are made")
    replication: int = Field(1, ge=1, le=7, description="copies of every partition; 3 in production")
