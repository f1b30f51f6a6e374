"""Comparing raw records with the rows that the table holds of them: each line must have its own row, and no other.

A raw record at or below the partition's mark has all its rows, since blocks hold whole records and are appended in
order. One beyond it has none yet, and is on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sluice.cli.auditing.account import Account, Accounts
from sluice.contract import ndjson, raw
from sluice.contract.errors import Malformed
from sluice.contract.processed import Source, unreadable_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Record(Protocol):
    """A record of `events.raw`, as aiokafka gives it."""

    @property
    def partition(self) -> int:
        """Its partition."""
        ...

    @property
    def offset(self) -> int:
        """Its offset."""
        ...

    @property
    def timestamp(self) -> int:
        """Its time, in milliseconds since 1970."""
        ...

    @property
    def value(self) -> bytes | None:
        """What it holds: NDJSON."""
        ...


class Kind(StrEnum):
    """What can be wrong with the rows of a raw record."""

    MISSING = "missing"
    """A raw line has no row."""

    DOUBLED = "doubled"
    """A raw line has several rows; all but one are counted."""

    UNFOUNDED = "unfounded"
    """A row has no raw line."""

    MISPLACED = "misplaced"
    """A row of a raw line stands under another project."""

    MISTAKEN = "mistaken"
    """A row of a raw line holds another event."""


class Rows(NamedTuple):
    """What the table holds of one raw record, for one project and outcome: its lines, and what `identity` of each."""

    offset: int
    project: str
    outcome: str
    lines: Sequence[int]
    identities: Sequence[int]


class Fault(NamedTuple):
    """So many events of neighbouring raw records, from `first` to `last`, are wrong in the same way."""

    partition: int
    first: int
    last: int
    kind: Kind
    events: int


Lines = Mapping[str, Mapping[int, int]]
"""The lines of a raw record: by project and by their numbers, from 0, the `identity` of each."""

RawLines = Mapping[int, Lines]
"""Raw records, by their offsets."""


def identity(event_id: str) -> int:
    """Give the last 64 bits of an event's id, which tell it from any other: all but two of them are random."""
    return int(event_id[19:23] + event_id[24:], 16)


def lines_by_project(record: Record, topic_id: str) -> Lines:
    """Read the lines of a raw record as the processors do; what is no raw line has the project ""."""
    found: dict[str, dict[int, int]] = {}
    for number, text in enumerate(ndjson.split(record.value or b"")):
        try:
            line = raw.decode(text)
        except Malformed:
            source = Source(topic_id, record.partition, record.offset, number, record.timestamp)
            found.setdefault("", {})[number] = identity(unreadable_id(source))
        else:
            found.setdefault(line.project, {})[number] = identity(line.id)
    return found


def tally(accounts: Accounts, partition: int, records: RawLines, rows: Iterable[Rows], mark: int) -> None:
    """Add raw records and their rows to the accounts of a partition whose mark is given (below all offsets: none)."""
    for offset, projects in records.items():
        for project, lines in projects.items():
            account = accounts.setdefault((partition, project), Account())
            account.accepted += len(lines)
            if offset > mark:
                account.on_the_way += len(lines)
    for found in rows:
        accounts.setdefault((partition, found.project), Account()).rows[found.outcome] += len(found.lines)


def faults(partition: int, records: RawLines, rows: Iterable[Rows], mark: int) -> Iterator[Fault]:
    """Give what is wrong with the rows of raw records, each on its own, in the order of their offsets.

    No row lies beyond the mark.
    """
    held: dict[int, list[Rows]] = {}
    for found in rows:
        held.setdefault(found.offset, []).append(found)
    for offset in sorted(records.keys() | held.keys()):
        if offset <= mark:
            for kind, events in _wrong(records.get(offset, {}), held.get(offset, ())):
                yield Fault(partition, offset, offset, kind, events)


def _wrong(projects: Lines, rows: Sequence[Rows]) -> Iterator[tuple[Kind, int]]:
    expected = sum(map(len, projects.values()))
    numbers = rows[0].lines if len(rows) == 1 else [line for found in rows for line in found.lines]
    different = set(numbers)
    below = different if not different or max(different) < expected else {n for n in different if n < expected}
    if len(below) < expected:
        yield Kind.MISSING, expected - len(below)
    if len(numbers) > len(below):
        unfounded = sum(n >= expected for n in numbers)
        if unfounded:
            yield Kind.UNFOUNDED, unfounded
        if doubled := len(numbers) - unfounded - len(below):
            yield Kind.DOUBLED, doubled
    yield from _of_others(projects, rows, expected)


def _of_others(projects: Lines, rows: Sequence[Rows], expected: int) -> Iterator[tuple[Kind, int]]:
    misplaced = mistaken = 0
    for found in rows:
        own = projects.get(found.project, {})
        if list(map(own.get, found.lines)) != list(found.identities):
            misplaced += sum(line not in own and line < expected for line in found.lines)
            shown = zip(found.lines, found.identities, strict=True)
            mistaken += sum(line in own and own[line] != identity for line, identity in shown)
    if misplaced:
        yield Kind.MISPLACED, misplaced
    if mistaken:
        yield Kind.MISTAKEN, mistaken


def joined(single: Iterable[Fault]) -> Iterator[Fault]:
    """Join what is wrong in the same way with raw records that follow each other on their partition."""
    ordered = sorted(single, key=lambda fault: (fault.partition, fault.kind, fault.first))
    numbered = enumerate(ordered)
    for _, group in groupby(numbered, key=lambda at: (at[1].partition, at[1].kind, at[1].first - at[0])):
        run = [fault for _, fault in group]
        yield run[0]._replace(last=run[-1].last, events=sum(fault.events for fault in run))
