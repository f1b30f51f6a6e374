"""One partition under the rules: lines are decided one after the other, and what they leave is remembered."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from tests.factories import NOW, TOPIC, raw_line, raw_record

from sluice.contract.event import Api
from sluice.contract.raw import Context
from sluice.processors.decide import decide
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.contract.processed import Processed
    from sluice.contract.projects import Project
    from sluice.contract.raw import RawLine

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Partition:
    """Decides lines by the rules of a deployment with these projects."""

    def __init__(self, projects: Mapping[str, Project] | None = None) -> None:
        self.rules = Rulebook(Visitors(b"secret"), projects or {})
        self.state = MemoryState()
        self._offsets = itertools.count()

    def decide(self, *lines: RawLine) -> Processed:
        """Decide the lines of one record, which see each other, and give the decision on the last."""
        return self.decide_all(*lines)[-1]

    def decide_all(self, *lines: RawLine) -> Sequence[Processed]:
        """Decide the lines of one record."""
        draft = Draft(self.state)
        decided = decide(raw_record(next(self._offsets), *lines), TOPIC, self.rules, draft)
        self.state.apply(draft.changes)
        return decided.lines

    def outcomes(self, *lines: RawLine) -> list[str]:
        """Decide lines, each in a record of its own, and tell what became of them."""
        return [self.decide(line).outcome.value for line in lines]


def event_id(number: int) -> str:
    """Give the id of the line with this number."""
    return str(UUID(int=number))


_numbers = itertools.count(1000)


def line(api: Api, event: dict[str, Any] | bytes, key: str | None, **changes: Any) -> RawLine:
    """Make a line with an id of its own, unless it is given a `number`."""
    return raw_line(event, **({"number": next(_numbers), "api": api, "key": key} | changes))


def confirmation(order: str | int, *, project: str = "demo", api: Api = Api.USER_EVENT, **changes: Any) -> RawLine:
    """Make a confirmation of an order."""
    members = {"orderId": order}
    sent: dict[Api, dict[str, Any]] = {
        Api.USER_EVENT: {"user": {"_id": "u1"}, "event": {"confirmation": members}},
        Api.PULSE: {"site_id": "s", "event_type": "confirmation", "session_id": "s", "order_id": order},
        Api.EVENTS: {"type": "confirmation", "properties": members},
    }
    return line(api, sent[api], f"{project}/order/{order}", project=project, **changes)


def email_open(at: object = None, *, user: str = "u1", project: str = "demo", **changes: Any) -> RawLine:
    """Make an email open of a user; `at` is its own timestamp."""
    members = {} if at is None else {"timestamp": at}
    sent = {"user": {"_id": user}, "event": {"email_open": members}}
    key = changes.pop("key", f"{project}/user/{user}")
    return line(Api.USER_EVENT, sent, key, project=project, **changes)


def metric(name: str = "Viewed Product", *, user: str = "u1", **attributes: Any) -> RawLine:
    """Make an event of API 4; `line_changes` are those of the line."""
    changes = attributes.pop("line_changes", {})
    relation = {"data": {"type": "metric", "attributes": {"name": name}}}
    sent = {"type": "event", "attributes": {"metric": relation} | attributes}
    key = changes.pop("key", f"demo/user/{user}")
    return line(Api.CLIENT, sent, key, **({"context": Context(user_id=user)} | changes))


def page_view(key: str | None = None, **changes: Any) -> RawLine:
    """Make an event that comes under no rule of its own."""
    sent = {"site_id": "s", "event_type": "page_view", "session_id": "s", "timestamp": NOW}
    return line(changes.pop("api", Api.PULSE), sent | changes.pop("sent", {}), key, **changes)


def request(idempotency_key: str, *lines: RawLine, **changes: Any) -> list[RawLine]:
    """Make lines of one request with an Idempotency-Key; those without a routing key go by it."""
    return [
        msgspec.structs.replace(
            sent,
            id=event_id(next(_numbers)),
            index=index,
            idempotency_key=idempotency_key,
            key=sent.key or f"{sent.project}/id/{idempotency_key}",
            **changes,
        )
        for index, sent in enumerate(lines)
    ]
