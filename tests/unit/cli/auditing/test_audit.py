"""The audit of a deployment that goes on meanwhile: sinks store, gateways write, retention removes."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.factories import raw_record

from sluice.cli.auditing import audit as audit_module
from sluice.cli.auditing.account import total
from sluice.cli.auditing.audit import Finding, audit, pauses, wait_until_stored
from sluice.cli.auditing.comparing import Fault, Kind, Rows
from sluice.cli.auditing.table import Beyond, NoPart
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence


class Raw:
    """`events.raw` with one partition of single-line records, which starts at `start` once it is read."""

    def __init__(self, stop: int, start: int = 0) -> None:
        self.stop = stop
        self._start = start

    async def ranges(self) -> Mapping[int, range]:
        return {0: range(self._start, self.stop)}

    @asynccontextmanager
    async def opened(self, partition: int) -> AsyncIterator[Raw]:
        yield self

    async def start(self) -> int:
        return self._start

    async def records(self, wanted: range) -> AsyncIterator[Sequence[Any]]:
        if held := range(max(wanted.start, self._start), wanted.stop):
            yield [raw_record(offset) for offset in held]


class Table:
    """Rows of single-line records by offset; `marks` may show an earlier moment than the rows do."""

    def __init__(self, rows: Iterator[int] | range, mark: int, beyond: Sequence[Sequence[Beyond]] = ()) -> None:
        self._rows = list(rows)
        self._mark = mark
        self._beyond = list(beyond)
        self.asked: list[int] = []

    async def marks(self, at_least: int) -> Mapping[int, int]:
        self.asked.append(at_least)
        self._mark += 1 if len(self.asked) > 1 else 0
        return {0: self._mark} if self._mark >= at_least else {}

    async def rows(self, partition: int, first: int, last: int) -> Sequence[Rows]:
        return [Rows(offset, "demo", "stored", [0], [1]) for offset in self._rows if first <= offset <= last]

    async def beyond(self, stops: Sequence[int]) -> Sequence[Beyond]:
        return self._beyond.pop(0) if self._beyond else []

    async def no_part(self, starts: Sequence[int]) -> NoPart:
        return NoPart(0, 0, 0)


class Partitions:
    """Gives the marks of several partitions, which go on each time they are asked for."""

    def __init__(self, marks: list[Mapping[int, int]]) -> None:
        self.asked: list[int] = []
        self._marks = marks

    async def marks(self, at_least: int) -> Mapping[int, int]:
        self.asked.append(at_least)
        return {partition: mark for partition, mark in self._marks.pop(0).items() if mark >= at_least}


class Uncounted(Table):
    """A table of which ClickHouse cannot count what is no part of the audit."""

    async def no_part(self, starts: Sequence[int]) -> NoPart:
        raise Unusable("ClickHouse at x: too long")


async def audited(raw: Any, table: Any, offsets: range) -> Finding:
    return await audit(raw, table, {0: offsets}, "t", lambda count: None)


def numbers(finding: Finding) -> tuple[int, int, int]:
    account = total(finding.accounts.values())
    return account.accepted, account.stored, account.on_the_way


async def test_what_is_beyond_the_mark_is_on_the_way():
    finding = await audited(Raw(5), Table(range(3), mark=2), range(5))
    assert (numbers(finding), finding.balances) == ((5, 3, 2), True)


async def test_what_the_sinks_stored_since_the_mark_was_asked_for_is_stored():
    finding = await audited(Raw(5), Table(range(5), mark=2), range(5))
    assert (numbers(finding), finding.balances) == ((5, 5, 0), True)


async def test_a_hole_before_what_was_stored_since_is_missing():
    finding = await audited(Raw(5), Table(iter([0, 1, 2, 4]), mark=2), range(5))
    assert finding.faults == [Fault(0, 3, 3, Kind.MISSING, 1)]


async def test_nothing_to_audit_balances():
    finding = await audited(Raw(0), Table(range(0), mark=-1), range(0))
    assert (numbers(finding), finding.balances, finding.expired) == ((0, 0, 0), True, [])


async def test_what_retention_took_meanwhile_is_no_part_of_it():
    finding = await audited(Raw(5, start=2), Table(range(5), mark=4), range(5))
    assert (numbers(finding), finding.balances, finding.expired) == ((3, 3, 0), True, [(0, range(2))])


async def test_a_log_that_retention_emptied_meanwhile_has_no_account():
    finding = await audited(Raw(5, start=9), Table(range(5), mark=4), range(5))
    assert (finding.accounts, finding.balances, finding.expired) == ({}, True, [(0, range(5))])


async def test_rows_beyond_the_audited_end_are_right_if_the_log_has_grown():
    stored_since = Beyond(0, "demo", "stored", 2, 5, 6)
    finding = await audited(Raw(7), Table(range(5), mark=4, beyond=[[stored_since]]), range(5))
    assert (numbers(finding), finding.balances) == ((5, 5, 0), True)


async def test_rows_at_the_end_of_the_log_have_no_raw_line():
    unfounded = Beyond(0, "demo", "stored", 1, 7, 7)
    beyond = [[Beyond(0, "demo", "stored", 3, 5, 7)], [unfounded]]
    finding = await audited(Raw(7), Table(range(5), mark=4, beyond=beyond), range(5))
    assert (finding.faults, finding.balances) == ([Fault(0, 7, 7, Kind.UNFOUNDED, 1)], False)


async def test_rows_of_a_partition_that_is_none_have_no_raw_line():
    unfounded = Beyond(3, "demo", "stored", 1, 0, 0)
    finding = await audited(Raw(5), Table(range(5), mark=4, beyond=[[unfounded], [unfounded]]), range(5))
    assert finding.faults == [Fault(3, 0, 0, Kind.UNFOUNDED, 1)]


async def test_what_is_no_part_of_it_may_remain_uncounted():
    finding = await audited(Raw(5), Uncounted(range(5), mark=4), range(5))
    assert (finding.balances, finding.no_part, finding.not_counted) == (True, None, "ClickHouse at x: too long")


async def test_marks_before_what_is_audited_are_not_asked_for():
    table = Table(range(5), mark=4)
    await audited(Raw(5, start=3), table, range(3, 5))
    assert table.asked == [3]


async def test_of_very_many_faults_only_the_number_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_module, "FAULTS_KEPT", 2)
    finding = await audited(Raw(9), Table(iter([8]), mark=8), range(9))
    assert (finding.faults, finding.faults_left_out) == ([Fault(0, 0, 1, Kind.MISSING, 2)], 6)
    assert (total(finding.accounts.values()).difference, finding.balances) == (8, False)


@pytest.mark.parametrize(("mark", "asked"), [(4, 1), (3, 2), (2, 3)])
async def test_waiting_ends_when_the_last_audited_record_is_stored(
    monkeypatch: pytest.MonkeyPatch, mark: int, asked: int
):
    monkeypatch.setattr(audit_module, "POLL_S", 0)
    table: Any = Table(range(0), mark)
    assert await wait_until_stored(table, {0: range(5)}, 60)
    assert table.asked == [4] * asked


async def test_what_is_stored_is_not_waited_for_any_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_module, "POLL_S", 0)
    table: Any = Partitions([{}, {0: 4}, {0: 4, 1: 98}, {0: 4, 1: 99}])
    assert await wait_until_stored(table, {0: range(5), 1: range(50, 100), 2: range(7, 7)}, 60)
    assert table.asked == [4, 4, 99, 99]


def test_pauses_grow_to_a_limit():
    first, second, *others = itertools.islice(pauses(), 20)
    assert first < second < others[0]
    assert others[-1] == others[-2] == audit_module.POLL_AT_MOST_S


async def test_waiting_ends_at_its_deadline():
    table: Any = Table(range(0), mark=-100)
    assert not await wait_until_stored(table, {0: range(5)}, 0)


async def test_partitions_without_anything_are_not_waited_for():
    table: Any = Table(range(0), mark=-1)
    assert await wait_until_stored(table, {0: range(5, 5), 1: range(0)}, 0)
