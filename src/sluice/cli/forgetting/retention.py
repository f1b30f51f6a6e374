"""Until when Kafka keeps what cannot be taken back: by the settings that its topics really have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from sluice.contract import topics
from sluice.contract.durations import HOUR_MS
from sluice.contract.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKS_MS = HOUR_MS
"""Kafka looks every few minutes for what it may remove, and removes it a minute later; an hour is allowed for it."""

_LOGS = (topics.RAW.name, topics.PROCESSED.name)
_COMPACTED = topics.USERS_KNOWN.name


class Remains(NamedTuple):
    """What a topic keeps, and until when at the latest, in milliseconds since 1970; None: for ever."""

    topic: str
    until: int | None


async def remains(bootstrap: str, now_ms: int) -> list[Remains]:
    """Give until when each topic keeps what was written to it up to now. Raises `Retry` while Kafka is away."""
    configs = await _configs(bootstrap, [*_LOGS, _COMPACTED])
    return [Remains(name, kept_until(configs[name], now_ms)) for name in (*_LOGS, _COMPACTED)]


def kept_until(config: Mapping[str, str], now_ms: int) -> int | None:
    """Give until when a topic with these settings of Kafka's keeps what was written to it before now.

    Kafka removes whole segments: of a log, once its latest record is older than the retention. A compacted topic
    drops a value when it is cleaned after its segment was closed, and the record that forgot it some time after that.
    """
    closed_after = int(config["segment.ms"])
    if config["cleanup.policy"] == "compact":
        compacted_after = closed_after + int(config["max.compaction.lag.ms"])
        return now_ms + compacted_after + int(config["delete.retention.ms"]) + CHECKS_MS
    retention = int(config["retention.ms"])
    return None if retention < 0 else now_ms + closed_after + retention + CHECKS_MS


async def _configs(bootstrap: str, names: list[str]) -> dict[str, dict[str, str]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await admin.close()
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
