"""Going through rejected events page by page, and making each ready to be sent in again, or saying why it is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sluice.cli.replaying.lines import Outgoing, Refused, from_original, outgoing, rebuilt
from sluice.cli.replaying.rows import BEFORE_ALL, Candidate, Kept, Place, why_not
from sluice.contract.errors import Reject
from sluice.contract.raw import RawLine
from sluice.contract.topics import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from sluice.cli.replaying.filters import Filters
    from sluice.contract.processed import Source

PAGE_ROWS = 10_000
PAGE_BYTES = 16 * MIB
"""A page holds so much of what was sent; one event that is larger stands alone."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent in again: the events that these filters mean, the oldest first.

    At most `limit` of them, and none that was sent in again `max_replays` times.
    """

    filters: Filters
    max_replays: int
    limit: int | None


class Table(Protocol):
    """What has to be known of the rejected events; ClickHouse knows it."""

    async def candidates(self, filters: Filters, after: Place, limit: int) -> Sequence[Candidate]:
        """Give the events that other rules may store, after this place, in the order of replaying."""
        ...

    async def kept(self, filters: Filters, after: Place, upto: Place) -> Sequence[Kept]:
        """Give those after one place, up to and with another, and what is kept of what was sent."""
        ...

    async def staying(self, filters: Filters) -> Mapping[str, int]:
        """Count the rows that stay what they are, by outcome."""
        ...

    async def known(self, event_ids: Sequence[str]) -> set[str]:
        """Tell which of these ids any row has."""
        ...

    async def forgotten(self, event_ids: Sequence[str]) -> set[str]:
        """Tell which of these events are of people who were to be forgotten."""
        ...


class Originals(Protocol):
    """Raw lines that rows do not keep."""

    async def lines(self, sources: Iterable[Source]) -> dict[Source, bytes]:
        """Give the lines that are still there."""
        ...


@dataclass(frozen=True, slots=True)
class Survey:
    """How many events an order would send in again, why it would not others, and what cannot be by its outcome.

    A few of those that are `ready` may still turn out to be none: what they hold is not looked at.
    """

    ready: int
    refused: Counter[str]
    staying: Mapping[str, int]


async def survey(table: Table, order: Order) -> Survey:
    """Count what an order means. Raises `Unusable` where ClickHouse cannot be asked."""
    ready, refused = 0, Counter[str]()
    after = BEFORE_ALL
    while found := await table.candidates(order.filters, after, PAGE_ROWS):
        for candidate in found:
            reason = why_not(candidate, order.max_replays)
            if reason is None:
                ready += 1
            else:
                refused[reason] += 1
        after = found[-1].place
    return Survey(
        ready if order.limit is None else min(ready, order.limit), refused, await table.staying(order.filters)
    )


class Candidates:
    """The events that an order means, made ready for an `events.raw` of so many partitions."""

    def __init__(self, table: Table, originals: Originals, partitions: int, order: Order) -> None:
        self._table = table
        self._originals = originals
        self._partitions = partitions
        self._order = order

    async def pages(self) -> AsyncIterator[list[Outgoing | Refused]]:
        """Go through all of them, or until as many are ready as are wanted; pages are bounded, whatever was sent.

        Raises `Unusable` or `Retry` where ClickHouse or Kafka goes away.
        """
        after = BEFORE_ALL
        left = self._order.limit
        while left != 0 and (found := await self._table.candidates(self._order.filters, after, PAGE_ROWS)):
            count = fitting([candidate.size for candidate in found], PAGE_BYTES)
            upto = found[count - 1].place
            page = await self._page(await self._table.kept(self._order.filters, after, upto))
            after = upto
            if left is not None:
                page = _first(page, left)
                left -= sum(isinstance(found, Outgoing) for found in page)
            yield page

    async def _page(self, kept: Sequence[Kept]) -> list[Outgoing | Refused]:
        forgotten = await self._table.forgotten([one.candidate.row.event_id for one in kept])
        lines = [(one.candidate, self._line(one, forgotten)) for one in kept]
        originals = await self._originals.lines([one.row.source for one, line in lines if line is None])
        read_today = [line.id for one, line in lines if not one.row.project and isinstance(line, RawLine)]
        known = await self._table.known(read_today)
        return [
            line if isinstance(line, Refused) else self._ready(one, line, originals, known) for one, line in lines
        ]

    def _line(self, kept: Kept, forgotten: set[str]) -> RawLine | Refused | None:
        """Give an event's raw line; None where only `events.raw` has it."""
        reason = why_not(kept.candidate, self._order.max_replays)
        if kept.candidate.row.event_id in forgotten:
            reason = "it is of somebody who was to be forgotten: `sluice users forget --again` blanks it"
        if reason is not None:
            return Refused(kept.candidate.row, reason)
        try:
            return rebuilt(kept)
        except Reject as error:
            return Refused(kept.candidate.row, str(error))

    def _ready(
        self, candidate: Candidate, line: RawLine | None, originals: dict[Source, bytes], known: set[str]
    ) -> Outgoing | Refused:
        row = candidate.row
        try:
            if line is None:
                line = _original(candidate, originals)
            elif not row.project and line.id in known:
                return Refused(row, f"it was sent in again since, as event {line.id}")
            return outgoing(row, line, self._partitions)
        except Reject as error:
            return Refused(row, str(error))


def fitting(sizes: Sequence[int], limit: int) -> int:
    """Give how many of the first fit within a limit in bytes, at least one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > limit and count:
            return count
    return len(sizes)


def _original(candidate: Candidate, originals: dict[Source, bytes]) -> RawLine:
    source = candidate.row.source
    if source not in originals:
        raise Reject("its raw line is not kept, and events.raw does not hold it any more")
    return from_original(candidate, originals[source])


def _first(page: list[Outgoing | Refused], limit: int) -> list[Outgoing | Refused]:
    """Cut a page after so many events that are ready."""
    ready = 0
    for place, found in enumerate(page):
        ready += isinstance(found, Outgoing)
        if ready == limit:
            return page[: place + 1]
    return page
