"""Holding roll-ups against the event log by how many rows of each month they are made of. Pure.

A roll-up says of each of its rows how many rows of the event log were added up in it. While events flow, the last
block of a partition may stand in the event log and not in the roll-ups yet; all blocks before it were passed on
before it came. So a roll-up must have at least the rows of those, as they stood before it was asked, and at most all
that stand there afterwards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Counts = Counter[tuple[str, int]]
"""Numbers of rows by roll-up and month; months are as 202611, and 0 where a roll-up does not tell them."""

Amounts = dict[tuple[int, str], Decimal]
"""Sums of values by month and currency."""

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Difference:
    """A roll-up is made of `rows` rows of a month, and the event log has from `least` to `most` of them."""

    rollup: str
    month: int
    rows: int
    least: int
    most: int

    @property
    def missing(self) -> int:
        """How many rows it lacks at least; below zero, how many it has too many."""
        return self.least - self.rows if self.rows < self.least else min(self.most - self.rows, 0)


def differences(least: Counts, rolled: Counts, most: Counts, expired: int = 0) -> Iterator[Difference]:
    """Give where roll-ups have fewer rows than `least`, or more than `most`.

    Up to the month `expired`, rows of the event log may have been removed for their age, which roll-ups keep.
    """
    for rollup, month in sorted(least.keys() | rolled.keys() | most.keys()):
        found = Difference(rollup, month, *(counts[rollup, month] for counts in (rolled, least, most)))
        may_have_more = month <= expired and expired > 0
        if found.missing > 0 or (found.missing < 0 and not may_have_more):
            yield found


@dataclass(frozen=True)
class OtherAmount:
    """The roll-up minutes has `rolled` as the sum of a month's values in a currency, and the event log `stored`."""

    month: int
    currency: str
    rolled: Decimal
    stored: Decimal


def other_amounts(rolled: Amounts, stored: Amounts) -> Iterator[OtherAmount]:
    """Give where sums of values differ; where there is none, it is nothing."""
    for month, currency in sorted(rolled.keys() | stored.keys()):
        at = month, currency
        found = OtherAmount(*at, rolled.get(at, _NOTHING), stored.get(at, _NOTHING))
        if found.rolled != found.stored:
            yield found


def not_added(rolled: Counts, stored: Counts) -> Counter[str]:
    """Count by roll-up the rows that are stored and not added up yet."""
    rows = Counter[str]()
    for (rollup, _), lacking in (stored - rolled).items():
        rows[rollup] += lacking
    return rows
