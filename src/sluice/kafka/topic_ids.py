"""Kafka's own ids of topics (KIP-516): a topic that was deleted and made again has a new one.

aiokafka 0.14 asks for metadata up to version 5, and ids came with version 10; so version 12 is spelt out here with
aiokafka's own building blocks. The layout is that of `MetadataRequest.json` and `MetadataResponse.json` in Kafka.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from sluice.contract.errors import Retry, Unusable
from sluice.kafka.steady_client import SteadyClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from io import BytesIO

log = logging.getLogger(__name__)

AWAIT_S = 1.0
UNKNOWN_TOPIC = 3
_NO_UUID = UUID(int=0)


class Uuid:
    """Kafka's UUID: 16 bytes, big-endian."""

    @staticmethod
    def encode(value: UUID) -> bytes:
        """Give the bytes on the wire."""
        return value.bytes

    @staticmethod
    def decode(data: BytesIO) -> UUID:
        """Read 16 bytes."""
        return UUID(bytes=data.read(16))

    @staticmethod
    def repr(value: UUID) -> str:
        """Show the value as text."""
        return str(value)


class MetadataResponseV12(Response):  # type: ignore[misc]
    """The cluster's brokers and, for each topic asked for, its id and partitions."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class MetadataRequestV12(RequestStruct):  # type: ignore[misc]
    """Ask for topics by name; nothing is created by asking."""

    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = MetadataResponseV12
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicIdsRequest(Request[MetadataRequestV12]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[MetadataRequestV12]) -> MetadataRequestV12:
        return request_struct_class([(_NO_UUID, name, {}) for name in self._names], False, False, {})


async def topic_ids(bootstrap: str, names: Sequence[str]) -> dict[str, UUID]:
    """Ask the broker at `bootstrap` ("host:port") for the ids of topics.

    Raises `Unusable` naming a topic that does not exist, and `Retry` while the broker cannot be asked.
    """
    client = SteadyClient(bootstrap_servers=bootstrap)
    try:
        await client.bootstrap()
        answer: Any = await client.send(client.get_random_node(), _TopicIdsRequest(names))
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer") from error
    finally:
        await client.close()
    return dict(_topic_id(topic) for topic in answer.topics)


async def topic_id(bootstrap: str, name: str) -> str:
    """Ask for the id of one topic, as text. Raises as `topic_ids` does."""
    return str((await topic_ids(bootstrap, [name]))[name])


async def await_topics(
    bootstrap: str, names: Sequence[str], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Return once the broker answers and all these topics exist; wait as long as it does not answer.

    Raises `Unusable` naming a topic that does not exist.
    """
    while True:
        try:
            await topic_ids(bootstrap, names)
        except Retry as error:
            log.warning("%s; trying again in %s s", error, AWAIT_S)
            await sleep(AWAIT_S)
        else:
            return


def _topic_id(topic: Sequence[Any]) -> tuple[str, UUID]:
    error_code, name, topic_id, *_ = topic
    if error_code == UNKNOWN_TOPIC:
        raise Unusable(f"Kafka has no topic {name}: create the topics with `sluice topics create`")
    if error_code:
        raise Retry(f"Kafka cannot tell of topic {name}: {for_code(error_code).__name__}")
    return name, topic_id
