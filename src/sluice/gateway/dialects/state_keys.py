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

    def of(self, event_type: str, user_id: str | None, event: bytes, *, by_user: bool = False) -> str | None:
        """Give the key of an event, by its type and user and the JSON object that holds its members.

        `by_user`: the event changes its user, or is deduplicated among the user's own.
        """
        if event_type != CONFIRMATION and event_type != EMAIL_OPEN and not by_user:
            return self._plain
        order_id = order_of(event) if event_type == CONFIRMATION else None
        user = user_id or (reader_of(event) if event_type == EMAIL_OPEN else None)
        return routing_key(
            self._project, event_type, order_id=order_id, user=user, by_user=by_user, dedup_id=self._dedup_id
        )
