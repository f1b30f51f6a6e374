"""Leaving a consumer group as a static member (KIP-345); otherwise Kafka waits until its session times out.

aiokafka 0.14 asks to leave up to version 1, where static members cannot be named; so version 3 is spelt out here with
aiokafka's own building blocks. The layout is that of `LeaveGroupRequest.json` and `LeaveGroupResponse.json` in Kafka.
"""

from __future__ import annotations

from typing import Any

from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from sluice.contract.errors import Retry
from sluice.kafka.steady_client import SteadyClient

REQUEST_TIMEOUT_MS = 2000


class LeaveGroupResponseV3(Response):  # type: ignore[misc]
    """Whether the request was understood, and what became of each member."""

    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(
                ("member_id", String("utf-8")),
                ("group_instance_id", String("utf-8")),
                ("error_code", Int16),
            ),
        ),
    )


class LeaveGroupRequestV3(RequestStruct):  # type: ignore[misc]
    """Take members out of a group."""

    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = LeaveGroupResponseV3
    SCHEMA = Schema(
        ("group_id", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class _LeaveGroupRequest(Request[LeaveGroupRequestV3]):  # type: ignore[misc]
    API_KEY = 13

    def __init__(self, group: str, instance: str, member: str) -> None:
        self._group = group
        self._instance = instance
        self._member = member

    def build(self, request_struct_class: type[LeaveGroupRequestV3]) -> LeaveGroupRequestV3:
        return request_struct_class(self._group, [(self._member, self._instance)])


async def leave_group(bootstrap: str, group: str, instance: str, member: str) -> None:
    """Take a static member out of a group, so that the others get its partitions at once.

    `member` is the id that the group gave this process when it joined: another process that has joined under the same
    `instance` since then stays. Raises `Retry` when the member could not be taken out.
    """
    client = SteadyClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
        request = _LeaveGroupRequest(group, instance, member)
        answer: Any = await client.send(coordinator, request, group=ConnectionGroup.COORDINATION)
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await client.close()
    for code in (answer.error_code, *(code for *_, code in answer.members)):
        if code:
            raise Retry(f"group {group} does not let {instance} go: {for_code(code).__name__} ({code})")
