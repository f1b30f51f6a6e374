"""aiokafka's client, mended where the loss of a connection ends more than that connection.

Under uvloop a write to a connection that was reset raises a plain `RuntimeError`, for the moment until aiokafka has
noticed the reset; a request that times out while its connection is made anew raises `KeyError`. aiokafka expects
neither. What asks for metadata in the background ends with them, and whoever waits for metadata then, as the look-up
of a group's coordinator does, waits for ever. Both are so in aiokafka 0.14.
"""

from __future__ import annotations

import logging
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaConnectionError, KafkaError

log = logging.getLogger(__name__)


class SteadyClient(AIOKafkaClient):  # type: ignore[misc]
    """A client whose errors are all Kafka's, and which never ceases to ask for metadata."""

    async def send(self, node_id: Any, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        """Give a node's answer; raise a `KafkaError` where there is none."""
        try:
            return await super().send(node_id, request, group=group)
        except KafkaError:  # which is a RuntimeError too
            raise
        except (RuntimeError, KeyError) as error:
            raise KafkaConnectionError(f"the connection to node {node_id} was lost") from error

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        """Ask for metadata; whatever goes wrong, False says that there is none this time."""
        try:
            updated: bool = await super()._metadata_update(cluster_metadata, topics)
        except Exception:
            log.warning("asking for metadata failed; it will be asked for again", exc_info=True)
            return False
        return updated


def make_steady(client: AIOKafkaClient) -> None:
    """Mend a client that aiokafka has made for itself; before it is started."""
    client.__class__ = SteadyClient
