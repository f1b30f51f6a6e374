"""A partition in memory, of which some offsets hold no record: marks of transactions, or what compaction took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluice.cli.reading.log import PartitionLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


@dataclass
class Stored:
    offset: int
    value: bytes | None
    key: bytes | None = None


class MemoryPartitionLog(PartitionLog):
    """Gives the records one by one, and remembers which ranges were asked for."""

    def __init__(self, records: Mapping[int, Stored]) -> None:
        self.asked: list[range] = []
        self._records = records

    async def records(self, wanted: range, at_once: int = 500) -> AsyncIterator[Sequence[Stored]]:
        del at_once
        self.asked.append(wanted)
        for offset in wanted:
            if offset in self._records:
                yield [self._records[offset]]


@dataclass
class Committed:
    """What a transaction leaves at the end of a changelog: changes, the marker, and an offset without a record."""

    records: dict[int, Stored] = field(default_factory=dict)
    stop: int = 0

    def add(self, *pairs: tuple[bytes, bytes | None]) -> None:
        for key, value in pairs:
            self.records[self.stop] = Stored(self.stop, value, key)
            self.stop += 1
        self.stop += 1
