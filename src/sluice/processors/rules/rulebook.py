"""What becomes of one raw line: the rules in the order in which they are applied.

A pure function of the line, the state and the projects' settings. It changes nothing itself: what is to be remembered
is part of the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluice.contract.event import LATEST_MS, Event, Outcome
from sluice.contract.projects import Project
from sluice.processors.rules import users
from sluice.processors.rules.bots import crawler_of
from sluice.processors.rules.canonical import CANONICALISERS
from sluice.processors.rules.claims import claims_of, own_id
from sluice.processors.rules.consent import with_consent
from sluice.processors.rules.first_wins import Lost, settle
from sluice.processors.rules.user_agent import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.contract.processed import UserChange
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors
    from sluice.processors.rules.first_wins import Reads, Won

_AS_DOCUMENTED = Project()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an event, and what is to be remembered of it."""

    event: Event
    outcome: Outcome = Outcome.STORED
    reason: str = ""
    duplicate_of: str | None = None
    user_change: UserChange | None = None
    remember: Won = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of a deployment. `projects` holds the settings of those that differ from the documents."""

    visitors: Visitors
    projects: Mapping[str, Project] = field(default_factory=dict)

    def judge(self, line: RawLine, state: Reads) -> Verdict:
        """Give the verdict on one line.

        Raises whatever a rule raises on a line that it cannot handle; the caller answers for that.
        """
        event = with_consent(described(CANONICALISERS[line.api](line, self.visitors)), line)
        if not 0 <= event.timestamp <= LATEST_MS:
            raise ValueError(f"timestamp {event.timestamp} is not between 1970 and 2299")
        project = self.projects.get(line.project, _AS_DOCUMENTED)
        itself = settle(own_id(line), line.id, line.received_at, state)
        if isinstance(itself, Lost):
            return _lost(line, event, itself)
        if project.bots == "reject" and (crawler := crawler_of(line.client.user_agent)):
            return Verdict(event, Outcome.BOT, f"its user agent is a known crawler's: {crawler}")
        settled = settle(claims_of(line, event, project), line.id, line.received_at, state)
        if isinstance(settled, Lost):
            return _lost(line, event, settled)
        return Verdict(event, user_change=users.change_of(line, event), remember=[*itself, *settled])


def _lost(line: RawLine, event: Event, lost: Lost) -> Verdict:
    return Verdict(
        event,
        lost.claim.outcome,
        lost.reason,
        duplicate_of=lost.holder.event_id,
        user_change=users.change_of_rejected(line, lost.claim),
        remember=lost.remember,
    )
