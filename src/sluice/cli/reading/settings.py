"""The settings of `sluice where` and `sluice audit`."""

from __future__ import annotations

from sluice.kafka.settings import KafkaSettings
from sluice.sinks.settings import ClickHouseClientSettings


class ReadingSettings(KafkaSettings, ClickHouseClientSettings):
    """Where Kafka and ClickHouse are."""
