"""Routing keys of the events of one request: by what the rules hold them against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.first_wins import THE_USER
from sluice.contract.routing import CONFIRMATION, EMAIL_OPEN, routing_key
from sluice.contract.state_keys import STATE_KEY_CHARACTERS, address_of, anonymous_id_of, member_of, order_of

if TYPE_CHECKING:
    from sluice.contract.event import Api
    from sluice.contract.first_wins import FirstWins
    from sluice.contract.projects import Project


class StateKeys:
    """Gives routing keys for the events of one request to an API, sent for a project that has these settings."""

    def __init__(self, api: Api, project: str, settings: Project, dedup_id: str | None) -> None:
        self._api = api
        self._project = project
        self._rules = tuple(rule for rule in settings.first_wins if api in rule.apis)
        self._by_type: dict[str, FirstWins | None] = {}
        self._dedup_id = dedup_id
        self._plain = routing_key(project, "", dedup_id=dedup_id)

    def reads(self, event_type: str) -> bool:
        """Tell whether the key of events of this type depends on what they hold; most need not be looked into."""
        return event_type in {CONFIRMATION, EMAIL_OPEN} or self._rule_of(event_type) is not None

    def of(self, event_type: str, user_id: str | None, event: bytes, *, by_user: bool = False) -> str | None:
        """Give the key of an event, by its type and user and the JSON object that holds its members.

        `by_user`: the event changes its user, or is deduplicated among the user's own.
        """
        rule = self._rule_of(event_type)
        if rule is None and event_type not in {CONFIRMATION, EMAIL_OPEN} and not by_user:
            return self._plain
        counts_reader = event_type == EMAIL_OPEN or (rule is not None and rule.key == THE_USER)
        user = _usable(user_id) or (address_of(event) if counts_reader else None)
        return routing_key(
            self._project,
            event_type,
            order_id=order_of(event) if event_type == CONFIRMATION else None,
            user=user,
            anonymous_id=anonymous_id_of(event) if counts_reader and not user else None,
            by_user=by_user or counts_reader,
            rule=_key_of_rule(rule, event),
            dedup_id=self._dedup_id,
        )

    def _rule_of(self, event_type: str) -> FirstWins | None:
        if not self._rules:
            return None
        if event_type not in self._by_type:
            holding = (rule for rule in self._rules if rule.holds_for(self._api, event_type))
            self._by_type[event_type] = next(holding, None)
        return self._by_type[event_type]


def _usable(user_id: str | None) -> str | None:
    return user_id if user_id and len(user_id) <= STATE_KEY_CHARACTERS else None


def _key_of_rule(rule: FirstWins | None, event: bytes) -> tuple[str, str] | None:
    if rule is None or rule.key == THE_USER:
        return None
    found = member_of(event, rule.key)
    return (rule.name, found) if found else None
