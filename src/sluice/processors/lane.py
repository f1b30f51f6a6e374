"""One owned partition: its raw records are decided in order, each exactly once.

The journal's marker, not the group's committed offset, says how far the partition is decided. So a record that was
decided before is skipped, and one beyond the next means that records in between have not been seen: seek back.

Where rules fail on too many events (`alarm.py`), the partition pauses before the first of them. It also pauses where
this version cannot use what others have left: state that a newer one wrote, or a raw log that was cut back; and
where Kafka refuses what was decided.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sluice.contract.errors import Unusable
from sluice.contract.event import Outcome
from sluice.contract.raw import RECORD_BYTES
from sluice.contract.topics import MIB
from sluice.processors.alarm import Counted
from sluice.processors.decide import decide
from sluice.processors.journal import Marker
from sluice.processors.pack import cut, pack
from sluice.processors.report import Pause, failing_rules
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sluice.contract.processed import Processed
    from sluice.processors.alarm import Alarm
    from sluice.processors.decide import Decided
    from sluice.processors.journal import Journal
    from sluice.processors.report import Report
    from sluice.processors.rules.rulebook import Rulebook
    from sluice.processors.state import State
    from sluice.stream.lane import RawLog, Record

log = logging.getLogger(__name__)

FORGET_AT_ONCE = 1000
"""What a commit forgets at most, or as much as it remembers: so it is never behind for long, and never long at it."""

COMMIT_BYTES = 16 * MIB
"""What one transaction decides of raw records at most, unless a single one is larger.

Its output may be several times as large, and has to be written within the transaction's time-out.
"""

PAUSE_S = 10.0
"""How long a partition that cannot go on waits before it tries again."""


class ProcessorLane:
    """Decides the records of one partition of `events.raw`."""

    def __init__(
        self,
        partition: int,
        journal: Journal,
        raw_log: RawLog,
        rules: Callable[[], Rulebook],
        alarm: Alarm,
        report: Report,
        commit_bytes: int = COMMIT_BYTES,
        record_bytes: int = RECORD_BYTES,
    ) -> None:
        """`rules` gives the rules as they are now; one commit goes by the same. `alarm` is this partition's own.

        `record_bytes` bounds the records of the output, each of which holds the lines of one raw record at least.
        """
        self._partition = partition
        self._next_offset = 0
        self._open_again = False
        self._topic_id = ""
        self._journal = journal
        self._raw_log = raw_log
        self._rules = rules
        self._alarm = alarm
        self._report = report
        self._commit_bytes = commit_bytes
        self._record_bytes = record_bytes
        self._state: State = MemoryState()

    async def open(self) -> int | None:
        """Take the partition over and give the raw offset that has to come next; None where the raw log lacks it."""
        marker, self._state = await self._journal.open(self._partition)
        self._topic_id = await self._raw_log.topic_id()
        held = await self._raw_log.range_of(self._partition)
        try:
            self._next_offset = self._resume_at(marker, held)
        except Unusable as error:
            self._open_again = True
            self._report.paused(Pause(self._partition, held.stop, "the raw log was cut back", str(error)), PAUSE_S)
            return None
        self._open_again = False
        return self._next_offset

    async def close(self) -> None:
        """Give the partition up."""
        self._report.given_up(self._partition)
        await self._journal.close(self._partition)

    async def process(self, records: Sequence[Record]) -> Progress:
        """Decide records in as few transactions as their size allows; skip those decided before, stop before a gap.

        Where rules fail on too many events, or the state cannot be used, the records before the first of them are
        decided, and then none. Where Kafka refuses the decisions, which only a person can mend, none are.
        """
        if self._open_again and await self.open() is None:
            return Progress(0, seek_to=records[0].offset, pause_s=PAUSE_S)
        done = 0
        while done < len(records) and records[done].offset < self._next_offset:
            done += 1
        for batch_records in cut(self._contiguous(records[done:]), _size, self._commit_bytes):
            rules = self._rules()
            batch = self._decide(batch_records, rules)
            if pause := self._why_pause(batch):
                batch = self._decide(batch_records[: pause.offset - self._next_offset], rules)
            if batch.records:
                try:
                    await self._commit(batch)
                except Unusable as error:
                    self._open_again = True
                    pause = Pause(self._partition, self._next_offset, "Kafka refuses what was decided", str(error))
                else:
                    done += len(batch.records)
            if pause:
                self._report.paused(pause, PAUSE_S)
                return Progress(done, seek_to=self._next_offset, pause_s=PAUSE_S)
        return Progress(done, None if done == len(records) else self._next_offset)

    def _decide(self, records: Sequence[Record], rules: Rulebook) -> _Batch:
        draft = Draft(self._state)
        decided: list[Decided] = []
        for record in records:
            try:
                decided.append(decide(record, self._topic_id, rules, draft))
            except Unusable as error:
                return _Batch(records, decided, draft, str(error))
        return _Batch(records, decided, draft)

    def _why_pause(self, batch: _Batch) -> Pause | None:
        if minute := self._alarm.rings(batch.counted):
            return _failing_rules(batch, minute)
        if batch.unusable:
            at = batch.records[len(batch.decided)]
            return Pause(at.partition, at.offset, "this version cannot use the state", batch.unusable)
        return None

    async def _commit(self, batch: _Batch) -> None:
        last, changes = batch.records[-1], batch.draft.changes
        batch.draft.forget(last.timestamp, max(FORGET_AT_ONCE, len(changes)))
        output = list(pack((of_record.lines for of_record in batch.decided), self._record_bytes))
        await self._journal.commit(self._partition, output, changes, Marker(self._topic_id, last.offset))
        self._next_offset = last.offset + 1
        self._alarm.count(batch.counted)
        self._report.committed(self._partition, (line for of_record in batch.decided for line in of_record.lines))

    def _contiguous(self, records: Sequence[Record]) -> Sequence[Record]:
        """Give the records up to the first gap; the raw topic is dense, so a gap means records not seen yet."""
        for seen, record in enumerate(records):
            if record.offset != self._next_offset + seen:
                return records[:seen]
        return records

    def _resume_at(self, marker: Marker | None, held: range) -> int:
        start = held.start
        if marker is None:
            return start
        if marker.topic_id != self._topic_id:
            log.warning(
                "partition %s: topic events.raw was made anew (id %s, was %s); starting at its offset %s",
                self._partition, self._topic_id, marker.topic_id, start,
            )  # fmt: skip
            return start
        if marker.offset + 1 > held.stop:
            raise Unusable(
                f"it is decided up to {marker.offset}, but its raw log ends at {held.stop - 1}: what is written "
                "there now would be taken for decided; restore events.raw, or make it anew"
            )
        if marker.offset + 1 < start:
            log.error(
                "partition %s: raw records %s to %s are lost: retention removed them before they were decided",
                self._partition, marker.offset + 1, start - 1,
            )  # fmt: skip
        return max(marker.offset + 1, start)


def _size(record: Record) -> int:
    return len(record.value)


@dataclass(frozen=True)
class _Batch:
    """Records, the decisions on them or on the first of them, and what those want remembered."""

    records: Sequence[Record]
    decided: Sequence[Decided]
    draft: Draft
    unusable: str = ""
    """Why the record after the decided ones cannot be decided, if there is one."""

    @property
    def counted(self) -> Counted:
        return Counted(
            sum(len(of_record.lines) for of_record in self.decided),
            sum(of_record.raised for of_record in self.decided),
        )

    @property
    def good_records(self) -> int:
        """How many records come before the first on which a rule failed."""
        return next((good for good, of_record in enumerate(self.decided) if of_record.raised), len(self.decided))


def _failing_rules(batch: _Batch, minute: Counted) -> Pause:
    at = batch.good_records
    record = batch.records[at]
    failed = next(line for line in batch.decided[at].lines if _made_a_rule_raise(line))
    return failing_rules(record.partition, record.offset, minute, failed.event.event_id, failed.reason)


def _made_a_rule_raise(line: Processed) -> bool:
    """Tell it from a line that nobody can read, which is invalid too, but cannot be replayed."""
    return line.outcome is Outcome.INVALID and line.raw_line is not msgspec.UNSET
