"""The journal's twin in memory, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluice.contract.errors import Fenced
from sluice.processors.journal import Opened
from sluice.processors.state_memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.processors.journal import Marker
    from sluice.processors.state import Entry


@dataclass
class MemoryLog:
    """What all journals of one imagined cluster share, by partition: output, state, marker, and who has it open."""

    output: dict[int, list[bytes]] = field(default_factory=dict)
    states: dict[int, MemoryState] = field(default_factory=dict)
    markers: dict[int, Marker] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)


class MemoryJournal:
    """One worker's journal; workers that share a log fence each other."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._epochs: dict[int, int] = {}
        self._states: dict[int, MemoryState] = {}

    async def open(self, partition: int) -> Opened:
        """Take a partition over; its state is a copy, as a worker's own."""
        self._epochs[partition] = self._log.epochs[partition] = self._log.epochs.get(partition, 0) + 1
        committed = self._log.states.setdefault(partition, MemoryState())
        self._states[partition] = MemoryState(committed.entries)
        return Opened(self._log.markers.get(partition), self._states[partition])

    async def commit(
        self, partition: int, output: Sequence[bytes], changes: Mapping[bytes, Entry | None], marker: Marker
    ) -> None:
        """Write output, changes and marker."""
        if self._epochs.get(partition) != self._log.epochs.get(partition):
            raise Fenced(f"partition {partition} was opened by another")
        self._log.output.setdefault(partition, []).extend(output)
        self._log.states[partition].apply(changes)
        self._log.markers[partition] = marker
        self._states[partition].apply(changes)

    async def close(self, partition: int) -> None:
        """Give the partition up."""
        self._epochs.pop(partition, None)
        self._states.pop(partition, None)
