"""The audit: from the marks and the ends, through all windows of all partitions, to the finding."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sluice.cli.auditing.account import Account, Accounts
from sluice.cli.auditing.comparing import Fault, Kind, faults, joined, tally
from sluice.cli.auditing.windows import windows
from sluice.cli.reading.log import side_by_side
from sluice.cli.reading.progress import marks_near_ends
from sluice.cli.rebuilding.checking import Checked
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sluice.cli.auditing.table import NoPart, Table
    from sluice.cli.auditing.windows import Window
    from sluice.cli.reading.log import Log

POLL_S = 0.25
POLL_GROWS = 1.5
POLL_AT_MOST_S = 5.0
FAULTS_KEPT = 10_000
"""Of more the audit keeps only the number."""


@dataclass
class Finding:
    """What an audit found. `offsets` gives by partition what was audited of the raw topic with the id `topic_id`.

    `faults` are joined where they follow each other; `faults_left_out` counts raw records beyond those kept.
    `expired` holds the offsets of each partition that retention took from the log while the audit read it. `no_part`
    is None where ClickHouse could not count that, and `not_counted` says why. `rollups` tells what was found of them.
    `of_forgotten` counts rows that can be read although they are of people who were to be forgotten.
    """

    topic_id: str
    offsets: Mapping[int, range]
    accounts: Accounts = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    faults_left_out: int = 0
    expired: list[tuple[int, range]] = field(default_factory=list)
    no_part: NoPart | None = None
    not_counted: str = ""
    rollups: Checked = field(default_factory=Checked)
    of_forgotten: int = 0

    @property
    def balances(self) -> bool:
        """Whether each accepted event has its one row or is on the way, and nothing else has a row."""
        return not self.faults and all(account.difference == 0 for account in self.accounts.values())

    @property
    def is_right(self) -> bool:
        """Whether the account balances, and no roll-up differs from the event log."""
        return self.balances and not self.rollups.is_wrong


class Marked(Protocol):
    """What fills up as the raw topic is worked off."""

    async def marks(self, at_least: int) -> Mapping[int, int]:
        """Give the highest source offset that is there of each partition; those below `at_least` may be left out."""
        ...


async def wait_until_stored(held: Marked, offsets: Mapping[int, range], seconds: float) -> bool:
    """Poll until nothing of these offsets is on the way; False where that takes longer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    pause = pauses()
    awaited = {partition: each.stop - 1 for partition, each in offsets.items() if each}
    while awaited:
        marks = await held.marks(min(awaited.values()))
        awaited = {partition: last for partition, last in awaited.items() if marks.get(partition, -1) < last}
        left = deadline - loop.time()
        if awaited and left <= 0:
            return False
        if awaited:
            await asyncio.sleep(min(next(pause), left))
    return True


def pauses() -> Iterator[float]:
    """Give how long to pause between polls, in seconds: longer each time, up to a limit."""
    pause = POLL_S
    while True:
        yield pause
        pause = min(pause * POLL_GROWS, POLL_AT_MOST_S)


async def audit(raw_log: Log, table: Table, offsets: Mapping[int, range], topic_id: str,
                read: Callable[[int], None]) -> Finding:  # fmt: skip
    """Compare these offsets of `events.raw` with the table. `read` hears each time how many records were read.

    Raises `Retry` or `Unusable` when Kafka or ClickHouse cannot be asked.
    """
    finding = Finding(topic_id, offsets)
    marks = await marks_near_ends(table.marks, offsets)
    auditor = _Auditor(raw_log, table, finding, marks, read)
    await side_by_side(offsets, auditor.compare)
    await auditor.look_beyond()
    finding.faults = list(joined(auditor.single))
    try:
        finding.no_part = await table.no_part([offsets[partition].start for partition in sorted(offsets)])
    except Unusable as error:  # what it counts changes nothing
        finding.not_counted = str(error)
    return finding


class _Auditor:
    def __init__(
        self, raw_log: Log, table: Table, finding: Finding, marks: Mapping[int, int], read: Callable[[int], None]
    ) -> None:
        self.single: list[Fault] = []
        self._raw_log = raw_log
        self._table = table
        self._finding = finding
        self._marks = marks
        self._read = read

    async def compare(self, partition: int) -> None:
        """Compare one partition."""
        wanted = self._finding.offsets[partition]
        expected = wanted.start
        async with self._raw_log.opened(partition) as log:
            async for window in windows(log, self._finding.topic_id, wanted, self._read):
                if window.first > expected:
                    self._finding.expired.append((partition, range(expected, window.first)))
                await self._compare(partition, window)
                expected = window.stop
        if expected < wanted.stop:
            self._finding.expired.append((partition, range(expected, wanted.stop)))

    async def _compare(self, partition: int, window: Window) -> None:
        if window.first == window.stop:
            return
        rows = await self._table.rows(partition, window.first, window.stop - 1)
        # Blocks are appended in order, and an answer shows one moment: so the mark is at least what it shows.
        mark = max([self._marks.get(partition, -1), *(found.offset for found in rows)])
        tally(self._finding.accounts, partition, window.records, rows, mark)
        for fault in faults(partition, window.records, rows, mark):
            self._note(fault)

    async def look_beyond(self) -> None:
        """Look for rows where there can be no raw record: at or after the log's end, or on no partition of it."""
        suspects = await self._table.beyond(_stops(self._finding.offsets))
        # The end is asked for after the rows: a row that was there before it has its raw record before the end.
        ends = await self._raw_log.ranges() if suspects else {}
        unfounded = {rows.partition for rows in suspects if rows.last >= ends.get(rows.partition, range(0)).stop}
        for rows in await self._table.beyond(_stops(ends)) if unfounded else ():
            if rows.partition in unfounded:
                account = self._finding.accounts.setdefault((rows.partition, rows.project), Account())
                account.rows[rows.outcome] += rows.rows
                self._note(Fault(rows.partition, rows.first, rows.last, Kind.UNFOUNDED, rows.rows))

    def _note(self, fault: Fault) -> None:
        if len(self.single) < FAULTS_KEPT:
            self.single.append(fault)
        else:
            self._finding.faults_left_out += 1


def _stops(ranges: Mapping[int, range]) -> Sequence[int]:
    return [ranges[partition].stop for partition in sorted(ranges)]
