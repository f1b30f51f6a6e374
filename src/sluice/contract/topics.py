"""The topics: their names, how large a record may be, and the settings that the account of events rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from sluice.contract.durations import DAY_MS, HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1024 * 1024

RAW_MAX_BYTES = 12 * MIB
"""A raw record holds at least one event, and a request's body reaches 10 MiB."""

PROCESSED_MAX_BYTES = 32 * MIB
"""A processed line holds the event as it was sent and, beside it, its canonical form."""


@dataclass(frozen=True)
class Topic:
    """One topic of a deployment.

    `config` holds Kafka's own topic settings. All topics have the deployment's one count of partitions, because
    partition n of each belongs to partition n of the others.
    """

    name: str
    max_bytes: int
    config: Mapping[str, str] = field(default_factory=dict)

    def kafka_config(self) -> dict[str, str]:
        """Give the settings to create the topic with."""
        return {"max.message.bytes": str(self.max_bytes), **self.config}


def _log(retention_days: int) -> Mapping[str, str]:
    return MappingProxyType({"cleanup.policy": "delete", "retention.ms": str(retention_days * DAY_MS)})


FORGETTING_KEPT_MS = DAY_MS
"""A record that forgets a key is dropped so long after it was compacted."""

# Kafka compacts closed segments only, so they are closed often.
_LATEST_BY_KEY: Mapping[str, str] = MappingProxyType(
    {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.1",
        "segment.ms": str(10 * MINUTE_MS),
        "segment.bytes": str(64 * MIB),
        "max.compaction.lag.ms": str(HOUR_MS),
        "delete.retention.ms": str(FORGETTING_KEPT_MS),
    }
)

RAW = Topic("events.raw", RAW_MAX_BYTES, MappingProxyType({**_log(7), "message.timestamp.type": "LogAppendTime"}))
"""What the gateway accepted. Neither compacted nor transactional, so that its offsets are dense.

Kafka dates its records, whatever a gateway's clock says: state is forgotten by these times.
"""

PROCESSED = Topic("events.processed", PROCESSED_MAX_BYTES, _log(7))
"""What the processors decided, every outcome. Written in transactions: read it with read_committed."""

CHANGELOG = Topic("processors.changelog", PROCESSED_MAX_BYTES, _LATEST_BY_KEY)
"""The processors' state by key, and each partition's marker: how far its raw records are decided.

Taking a partition over reads what its worker's store does not have yet, or all of it.
"""

USERS_KNOWN = Topic("users.known", MIB, _LATEST_BY_KEY)
"""Whom each identifier of a user (an address, an id) means: written by gateways, and read by all of them."""

ALL = (RAW, PROCESSED, CHANGELOG, USERS_KNOWN)
