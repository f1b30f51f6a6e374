"""Comparing raw records with the rows that the table holds of them: each line must have one row, and no other.

A raw record at or below the partition's mark has all its rows, since blocks hold whole records and are appended in
order. One beyond it has none yet, and is on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from sluice.cli.auditing.account import Account, Accounts
from sluice.contract import ndjson, raw
from sluice.contract.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Kind(StrEnum):
    """What can be wrong with the rows of a raw record."""

    MISSING = "missing"
    """A raw line has no row."""

    DOUBLED = "doubled"
    """A raw line has several rows; all but one are counted."""

    UNFOUNDED = "unfounded"
    """A row has no raw line."""

    MISPLACED = "misplaced"
    """Each raw line has its row, but under another project."""


class Rows(NamedTuple):
    """What the table holds of one raw record, for one project and outcome: the numbers of its lines."""

    offset: int
    project: str
    outcome: str
    lines: Sequence[int]


class Fault(NamedTuple):
    """So many events of neighbouring raw records, from `first` to `last`, are wrong in the same way."""

    partition: int
    first: int
    last: int
    kind: Kind
    events: int


RawLines = Mapping[int, Mapping[str, int]]
"""Of each raw record, by its offset, how many lines it has of each project."""


def lines_by_project(value: bytes | None) -> Mapping[str, int]:
    """Count a raw record's lines by project, as the processors read them; what is no raw line has the project ""."""
    counted: Counter[str] = Counter()
    for line in ndjson.split(value or b""):
        try:
            counted[raw.decode(line).project] += 1
        except Malformed:
            counted[""] += 1
    return counted


def tally(accounts: Accounts, partition: int, records: RawLines, rows: Iterable[Rows], mark: int) -> None:
    """Add raw records and their rows to the accounts of a partition whose mark is given (below all offsets: none)."""
    for offset, projects in records.items():
        for project, lines in projects.items():
            account = accounts.setdefault((partition, project), Account())
            account.accepted += lines
            if offset > mark:
                account.on_the_way += lines
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


def _wrong(projects: Mapping[str, int], rows: Sequence[Rows]) -> Iterator[tuple[Kind, int]]:
    expected = sum(projects.values())
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
    elif len(below) == expected and (misplaced := _misplaced(projects, rows)):
        yield Kind.MISPLACED, misplaced


def _misplaced(projects: Mapping[str, int], rows: Sequence[Rows]) -> int:
    found: Counter[str] = Counter()
    for of_outcome in rows:
        found[of_outcome.project] += len(of_outcome.lines)
    return (found - Counter(projects)).total()


def joined(single: Iterable[Fault]) -> Iterator[Fault]:
    """Join what is wrong in the same way with raw records that follow each other on their partition."""
    ordered = sorted(single, key=lambda fault: (fault.partition, fault.kind, fault.first))
    numbered = enumerate(ordered)
    for _, group in groupby(numbered, key=lambda at: (at[1].partition, at[1].kind, at[1].first - at[0])):
        run = [fault for _, fault in group]
        yield run[0]._replace(last=run[-1].last, events=sum(fault.events for fault in run))
