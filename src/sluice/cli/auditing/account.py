"""The account: how many events of a project were accepted on a partition, and what became of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluice.contract.event import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Account:
    """Numbers of events. `accepted` counts raw lines, `on_the_way` those that lie beyond the sink's mark.

    `rows` counts rows of the table by their outcome.
    """

    accepted: int = 0
    on_the_way: int = 0
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def stored(self) -> int:
        """Rows that `sluice.events` shows."""
        return self.rows[Outcome.STORED]

    @property
    def rejected(self) -> dict[str, int]:
        """Rows that `sluice.rejected_events` shows, by outcome: the known ones first, in their order."""
        known = {outcome.value: self.rows[outcome] for outcome in Outcome if outcome is not Outcome.STORED}
        others = {outcome: self.rows[outcome] for outcome in sorted(self.rows) if outcome != Outcome.STORED}
        return known | others

    @property
    def difference(self) -> int:
        """Accepted less stored, rejected and on the way: above zero rows are missing, below there are too many."""
        return self.accepted - self.rows.total() - self.on_the_way

    def add(self, other: Account) -> None:
        """Add another's numbers to these."""
        self.accepted += other.accepted
        self.on_the_way += other.on_the_way
        self.rows += other.rows


Accounts = dict[tuple[int, str], Account]
"""By partition and project; lines that are no raw lines stand under the project ""."""


def total(accounts: Iterable[Account]) -> Account:
    """Give the sum of several."""
    summed = Account()
    for account in accounts:
        summed.add(account)
    return summed


def by_project(accounts: Accounts) -> dict[str, Account]:
    """Give the sums over all partitions."""
    return {
        project: total(account for (_, of), account in accounts.items() if of == project)
        for project in sorted({project for _, project in accounts})
    }
