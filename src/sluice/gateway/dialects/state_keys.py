"""Routing keys of the events of one request, whose type two rules look at."""

from __future__ import annotations

from sluice.contract.routing import CONFIRMATION, EMAIL_OPEN, routing_key
from sluice.contract.state_keys import order_of, reader_of


class StateKeys:
    """Gives routing keys for the events of one request of a project."""

    def __init__(self, project: str, dedup_id: str | None) -> None:
        self._project = project
        self._dedup_id = dedup_id
        self._plain = routing_key(project, "", dedup_id=dedup_id)

    def of(self, event_type: str, user_id: str | None, event: bytes) -> str | None:
        """Give the key of an event, by its type and user and its bytes, an object in JSON."""
        if event_type == CONFIRMATION:
            return routing_key(self._project, event_type, order_id=order_of(event), dedup_id=self._dedup_id)
        if event_type == EMAIL_OPEN:
            user = user_id or reader_of(event)
            return routing_key(self._project, event_type, user=user, dedup_id=self._dedup_id)
        return self._plain
