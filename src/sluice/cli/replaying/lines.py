"""Making of a rejected event the raw line that is sent in again, and of such lines records. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sluice.contract import ndjson, raw
from sluice.contract.errors import Malformed, Reject
from sluice.contract.event import Stage
from sluice.contract.routing import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sluice.cli.replaying.rows import Candidate, Kept, Row
    from sluice.contract.raw import RawLine


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A raw line that is ready to be sent in again, and the partition that it belongs on."""

    row: Row
    line: RawLine
    partition: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A rejected event that is not sent in again, and why, for people."""

    row: Row
    reason: str


def rebuilt(kept: Kept) -> RawLine | None:
    """Give the raw line once more, its `replay` one higher; None where only `events.raw` has it.

    What was no raw line when it was decided is read as it is understood today.

    Raises `Reject` where that cannot be.
    """
    if not kept.payload:
        raise Reject("nothing is kept of what was sent")
    refusals = kept.candidate.refusals
    if kept.raw_line:
        line = raw.decode(kept.raw_line)
        return _again(msgspec.structs.replace(line, event=msgspec.Raw(ndjson.on_one_line(kept.payload))), refusals)
    if kept.candidate.row.project or kept.candidate.row.stage == Stage.SINK:
        return None
    try:
        return _again(raw.decode(kept.payload), refusals)
    except Malformed as error:
        raise Reject(f"it still cannot be read: {error}") from error


def from_original(candidate: Candidate, text: bytes) -> RawLine:
    """Give the raw line once more, from what stands on `events.raw`.

    Raises `Reject` where that is not the event of this row.
    """
    line = raw.decode(text)
    if line.id != candidate.row.event_id:
        raise Reject("events.raw holds another event where this one stood")
    return _again(line, candidate.refusals)


def outgoing(row: Row, line: RawLine, partitions: int) -> Outgoing:
    """Give a line its partition: that of its routing key; without one the same as before, where its state is.

    Raises `Reject` where that partition does not exist, or where the line is none, because its event is no JSON.
    """
    text = raw.encode(line)
    try:
        raw.decode(text)
    except Malformed as error:
        raise Reject(f"what is kept of it is no event: {error}") from error
    partition = row.source_partition if line.key is None else partition_of(line.key, partitions)
    if partition >= partitions:
        raise Reject(f"it stood on partition {partition}, and events.raw has only {partitions}")
    return Outgoing(row, line, partition, text)


@dataclass(frozen=True, slots=True)
class Record:
    """One record for `events.raw`."""

    partition: int
    lines: tuple[Outgoing, ...]

    def value(self) -> bytes:
        """Give the record's value: NDJSON."""
        return ndjson.join(line.text for line in self.lines)


def records(lines: Iterable[Outgoing], limit: int = raw.RECORD_BYTES) -> Iterator[Record]:
    """Cut lines into records of at most `limit` bytes of whole lines; a larger line stands alone.

    The lines of one partition stay in order.
    """
    pending: dict[int, list[Outgoing]] = {}
    sizes: dict[int, int] = {}
    for line in lines:
        size = len(line.text) + 1
        waiting = pending.setdefault(line.partition, [])
        if waiting and sizes[line.partition] + size > limit:
            yield Record(line.partition, tuple(waiting))
            waiting.clear()
        if not waiting:
            sizes[line.partition] = 0
        waiting.append(line)
        sizes[line.partition] += size
    for partition, waiting in pending.items():
        if waiting:
            yield Record(partition, tuple(waiting))


_MOST_REPLAYS = 65_535


def _again(line: RawLine, refusals: int) -> RawLine:
    if line.replay >= _MOST_REPLAYS:
        raise Reject(f"it was sent in again {line.replay} times, and no more can be counted")
    return msgspec.structs.replace(line, replay=line.replay + 1, refusals=refusals or msgspec.UNSET)
