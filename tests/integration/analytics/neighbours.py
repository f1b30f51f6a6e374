"""What a question must not count: the same events of another project, on another site, at another time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.analytics.case import Case

    from sluice.contract.processed import Processed

DAY_MS = 86_400_000
FOUR_WEEKS = 28


def with_neighbours(case: Case, project: str) -> Iterator[Processed]:
    """Give a case's events as those of its project, and whatever is beside them and may not change the answer."""
    for line in case.events:
        yield msgspec.structs.replace(line, project=project)
    if case.alone:
        return
    for line in case.events:
        yield elsewhere(line, f"not {project}", line.event.site_id)
        if not case.asks_for_all_sites and not case.without_the_site:
            yield elsewhere(line, project, f"not_{line.event.site_id}")
        if not case.asks_for_all_times:
            yield elsewhere(line, project, line.event.site_id, -FOUR_WEEKS)
            yield elsewhere(line, project, line.event.site_id, FOUR_WEEKS)


def elsewhere(line: Processed, project: str, site_id: str, days: int = 0) -> Processed:
    """Give the same event under another id, of another visitor in another session, some days later."""
    event, source = line.event, line.source
    moved = msgspec.structs.replace(
        event,
        event_id=str(uuid4()),
        site_id=site_id,
        visitor_id=event.visitor_id and event.visitor_id + 1000 + days,
        session_id=event.session_id and f"{event.session_id}, {days} days later",
        timestamp=event.timestamp + days * DAY_MS,
        received_at=event.received_at + days * DAY_MS,
    )
    return msgspec.structs.replace(
        line,
        project=project,
        event=moved,
        source=msgspec.structs.replace(source, timestamp=source.timestamp + days * DAY_MS),
    )
