"""Waiting for a change of rows until ClickHouse tells that it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sluice.cli.forgetting import blanking as module
from sluice.cli.forgetting.blanking import Blanking
from sluice.cli.forgetting.entries import Entry
from sluice.cli.forgetting.register import Register
from sluice.cli.reading.clickhouse import ClickHouse
from sluice.contract.errors import Retry, Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDER = ["mutation_1", 1, 0, ""]


class Telling(ClickHouse):
    """Tells of these mutations one after the other, the last for ever; each question for rows finds one."""

    def __init__(self, *told: Sequence[Any]) -> None:
        super().__init__("http://nowhere.invalid")
        self.told = list(told)

    async def ask(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        if "system.mutations" not in sql:
            return [[1]]
        return [OLDER, *(self.told.pop(0) if len(self.told) > 1 else self.told[0])]

    async def change(self, sql: str, **parameters: Any) -> None:
        pass


async def blank(clickhouse: Telling) -> list[str]:
    said: list[str] = []
    await Blanking(clickhouse, Register(clickhouse), said.append).events([Entry("shop", 1, visitor_id=7)])
    return said


async def test_a_mutation_that_a_replica_has_not_heard_of_is_waited_for():
    clickhouse = Telling([], [], [["mutation_2", 0, 3, ""]], [["mutation_2", 1, 0, ""]])
    assert await blank(clickhouse) == ["event_log: 0 parts to rewrite", "event_log: 3 parts to rewrite"]
    assert len(clickhouse.told) == 1


async def test_a_mutation_that_nobody_hears_of_is_not_taken_for_done(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SEEN_S", 0.0)
    with pytest.raises(Retry, match="event_log"):
        await blank(Telling([]))


async def test_a_mutation_that_fails_is_told_of():
    with pytest.raises(Unusable, match="no space"):
        await blank(Telling([], [["mutation_2", 0, 3, "no space"]]))
