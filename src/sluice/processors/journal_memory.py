"""The journal's twin in memory, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluice.contract.errors import Fenced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.processors.journal import Marker


@dataclass
class MemoryLog:
    """What all journals of one imagined cluster share, by partition: output, marker, and who has it open."""

    output: dict[int, list[bytes]] = field(default_factory=dict)
    markers: dict[int, Marker] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)


class MemoryJournal:
    """One worker's journal; workers that share a log fence each other."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._epochs: dict[int, int] = {}

    async def open(self, partition: int) -> Marker | None:
        """Take a partition over."""
        self._epochs[partition] = self._log.epochs[partition] = self._log.epochs.get(partition, 0) + 1
        return self._log.markers.get(partition)

    async def commit(self, partition: int, output: Sequence[bytes], marker: Marker) -> None:
        """Write output and marker."""
        if self._epochs.get(partition) != self._log.epochs.get(partition):
            raise Fenced(f"partition {partition} was opened by another")
        self._log.output.setdefault(partition, []).extend(output)
        self._log.markers[partition] = marker

    async def close(self, partition: int) -> None:
        """Give the partition up."""
        self._epochs.pop(partition, None)
