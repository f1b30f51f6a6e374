"""Rejected events to start from, and a table of them in memory; each test changes one thing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from tests import factories

from sluice.cli.replaying.rows import REPLAYABLE, Candidate, Kept, Row
from sluice.contract import raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sluice.cli.replaying.filters import Filters
    from sluice.cli.replaying.rows import Place
    from sluice.contract.processed import Source
    from sluice.contract.raw import RawLine


def row(number: int = 1, **changes: Any) -> Row:
    fields: dict[str, Any] = {
        "received_ms": factories.NOW + number,
        "project": "demo",
        "api": "pulse",
        "event_type": "page_view",
        "outcome": "bot",
        "stage": "processor",
        "reason": "its user agent is a known crawler's: Googlebot",
        "event_id": str(UUID(int=number)),
        "first": None,
        "replay": 0,
        "request_id": "request-1",
        "source_topic": factories.TOPIC,
        "source_partition": 2,
        "source_offset": number,
        "source_line": 0,
        "source_ms": factories.NOW,
    }
    return Row(**(fields | changes))


def kept(
    line: RawLine, *, last_replay: int | None = None, stored: bool = False, refusals: int = 0, **changes: Any
) -> Kept:
    """What the table keeps of a raw line that was rejected."""
    without_event = raw.encode(msgspec.structs.replace(line, event=msgspec.Raw(b"null")))
    of_line: dict[str, Any] = {
        "event_id": line.id,
        "received_ms": line.received_at,
        "replay": line.replay,
        "project": line.project,
    }
    rejected = row(**(of_line | changes))
    last = rejected.replay if last_replay is None else last_replay
    size = len(without_event) + len(bytes(line.event))
    return Kept(Candidate(rejected, size, last, stored, refusals), without_event, bytes(line.event))


@dataclass
class MemoryTable:
    """The rejected events of ClickHouse, in memory; filters let everything pass."""

    rows: list[Kept] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    forgotten_ids: set[str] = field(default_factory=set)
    given: list[int] = field(default_factory=list)
    """How many rows were given with what was sent, each time."""

    async def candidates(self, filters: Filters, after: Place, limit: int) -> Sequence[Candidate]:
        del filters
        return [found.candidate for found in self._after(after)[:limit]]

    async def kept(self, filters: Filters, after: Place, upto: Place) -> Sequence[Kept]:
        del filters
        found = [one for one in self._after(after) if one.candidate.place <= upto]
        self.given.append(len(found))
        return found

    async def staying(self, filters: Filters) -> Mapping[str, int]:
        del filters
        outcomes = [found.candidate.row.outcome for found in self.rows]
        return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes) - set(REPLAYABLE))}

    async def known(self, event_ids: Sequence[str]) -> set[str]:
        return self.ids & set(event_ids)

    async def forgotten(self, event_ids: Sequence[str]) -> set[str]:
        return self.forgotten_ids & set(event_ids)

    def _after(self, place: Place) -> list[Kept]:
        replayable = [found for found in self.rows if found.candidate.row.outcome in REPLAYABLE]
        return sorted(
            (found for found in replayable if found.candidate.place > place), key=lambda found: found.candidate.place
        )


@dataclass
class MemoryOriginals:
    """What events.raw still holds, in memory."""

    held: dict[Source, bytes] = field(default_factory=dict)

    async def lines(self, sources: Iterable[Source]) -> dict[Source, bytes]:
        return {source: self.held[source] for source in sources if source in self.held}
