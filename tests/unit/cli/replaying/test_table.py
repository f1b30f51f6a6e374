"""What is asked of ClickHouse about rejected events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.cli.replaying.filters import Filters
from sluice.cli.replaying.rows import AFTER_ALL, BEFORE_ALL, Place
from sluice.cli.replaying.table import RejectedEvents

if TYPE_CHECKING:
    from collections.abc import Sequence


class Asked:
    """A ClickHouse without rows, that remembers what it was asked."""

    def __init__(self) -> None:
        self.sql = ""
        self.bound: dict[str, Any] = {}

    async def ask(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        self.sql, self.bound = sql, parameters
        return []


async def test_a_page_is_bounded_by_its_times_as_a_column_has_them():
    asked: Any = Asked()
    await RejectedEvents(asked).kept(Filters(), Place(5, "a"), Place(9, "b"))
    assert "AND received_at >= fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')" in asked.sql
    assert "AND received_at <= fromUnixTimestamp64Milli({upto_ms:Int64}, 'UTC')" in asked.sql
    assert (asked.bound["after_ms"], asked.bound["upto_ms"]) == (5, 9)


async def test_the_first_page_is_after_nothing():
    asked: Any = Asked()
    await RejectedEvents(asked).candidates(Filters(), BEFORE_ALL, 10)
    assert (asked.bound["after_ms"], asked.bound["upto_ms"]) == (-1, AFTER_ALL.received_ms)
