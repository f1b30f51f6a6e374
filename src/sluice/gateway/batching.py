"""Cutting the lines of many requests into records: the pure part of the coalescer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from sluice.contract import ndjson
from sluice.contract.raw import RECORD_BYTES
from sluice.contract.routing import partition_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True)
class Line:
    """One raw line's JSON text, and its routing key, None where any partition will do."""

    key: str | None
    text: bytes


@dataclass(slots=True)
class Record(Generic[Owner]):
    """One record in the making. `owners` are the requests that have lines in it, with how many."""

    partition: int
    lines: list[bytes] = field(default_factory=list)
    owners: list[tuple[Owner, int]] = field(default_factory=list)
    size_bytes: int = 0

    def value(self) -> bytes:
        """Give the record's value: NDJSON."""
        return ndjson.join(self.lines)


class Batcher(Generic[Owner]):
    """Assigns lines to partitions and cuts them into records.

    A record holds whole lines up to `record_bytes`; a larger line stands alone. Lines with a routing key go to its
    partition, all others to one current partition, the next one after each `flush`: so that the lines of one
    moment make one record, and all partitions fill alike. The lines of one request that share a partition are kept
    in one record where they fit, so that as few requests as possible depend on two acknowledgements.
    """

    def __init__(self, partitions: int, record_bytes: int = RECORD_BYTES) -> None:
        self._partitions = partitions
        self._record_bytes = record_bytes
        self._current = 0
        self._pending: dict[int, Record[Owner]] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing is pending."""
        return not self._pending

    def add(self, lines: Sequence[Line], owner: Owner) -> list[Record[Owner]]:
        """Take the lines of one request; give the records that are full by that."""
        full: list[Record[Owner]] = []
        for partition, texts in self._by_partition(lines).items():
            size = sum(map(len, texts)) + len(texts)
            pending = self._pending.get(partition)
            if pending is not None and pending.size_bytes + size > self._record_bytes:
                full.append(self._pending.pop(partition))
                pending = None
            if size > self._record_bytes:
                full += self._cut(partition, texts, owner)
                continue
            if pending is None:
                pending = self._pending[partition] = Record(partition)
            pending.lines += texts
            pending.owners.append((owner, len(texts)))
            pending.size_bytes += size
        return full

    def flush(self) -> list[Record[Owner]]:
        """Give everything that is pending, and move on to the next current partition."""
        records = list(self._pending.values())
        self._pending.clear()
        self._current = (self._current + 1) % self._partitions
        return records

    def _by_partition(self, lines: Sequence[Line]) -> dict[int, list[bytes]]:
        groups: dict[int, list[bytes]] = {}
        for line in lines:
            partition = self._current if line.key is None else partition_of(line.key, self._partitions)
            groups.setdefault(partition, []).append(line.text)
        return groups

    def _cut(self, partition: int, texts: list[bytes], owner: Owner) -> list[Record[Owner]]:
        """Cut one request's lines, too many for one record, into full records."""
        records: list[Record[Owner]] = [Record(partition)]
        for text in texts:
            size = len(text) + 1
            if records[-1].lines and records[-1].size_bytes + size > self._record_bytes:
                records.append(Record(partition))
            records[-1].lines.append(text)
            records[-1].size_bytes += size
        for record in records:
            record.owners.append((owner, len(record.lines)))
        return records
