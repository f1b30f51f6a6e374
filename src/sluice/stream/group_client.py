"""The consumer's client, which notes what the group's coordinator answers.

aiokafka tells nobody when a heartbeat succeeded, nor that its heartbeats have ended; all of them pass its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.client import ConnectionGroup
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from sluice.kafka.steady_client import SteadyClient

if TYPE_CHECKING:
    from aiokafka.client import AIOKafkaClient

    from sluice.stream.heartbeats import Heartbeats


class GroupClient(SteadyClient):
    """A client that notes answers about the group in its `heartbeats`."""

    heartbeats: Heartbeats

    async def send(self, node_id: Any, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        """Give a node's answer, noted where it is about the group."""
        if isinstance(request, HeartbeatRequest):
            sent_at = self.heartbeats.now()
            answer = await super().send(node_id, request, group=group)
            self.heartbeats.beat(sent_at, answer.error_code)
        elif isinstance(request, JoinGroupRequest):
            with self.heartbeats.waiting_for_members():
                answer = await super().send(node_id, request, group=group)
            self.heartbeats.answered()
        elif isinstance(request, SyncGroupRequest):
            with self.heartbeats.waiting_for_members():
                answer = await super().send(node_id, request, group=group)
            self.heartbeats.synced(answer.error_code)
        else:
            answer = await super().send(node_id, request, group=group)
            if isinstance(request, FindCoordinatorRequest):
                self.heartbeats.answered()
        return answer


def note_heartbeats(client: AIOKafkaClient, heartbeats: Heartbeats) -> None:
    """Have a client that aiokafka has made for a consumer note its heartbeats; before it is started."""
    client.__class__ = GroupClient
    client.heartbeats = heartbeats
