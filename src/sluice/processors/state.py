"""What rules remember of one partition, as of its last commit: values by key, some of which may be forgotten in time.

Rules read it; only a commit of the journal changes it. See docs/decisions/0012-state.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sluice.contract.durations import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HIDDEN_AFTER_MS = DAY_MS
"""So much later than an entry's time of forgetting must a record be written to find it no more.

Until then there may be events that were received before that time.
"""

FORGOTTEN_AFTER_MS = 2 * DAY_MS
"""So much later it is removed. Between the two lies more than the clocks that date records ever differ by."""


class Entry(NamedTuple):
    """A remembered value, and the millisecond since 1970 after which it counts no more; 0: it always does.

    Removing it saves room and decides nothing: by then no record finds it any more, whether it is there or not.
    """

    value: bytes
    forget_at: int = 0


class State(Protocol):
    """A port with two adapters: RocksDB on the worker's disk, and memory for tests."""

    def get(self, key: bytes) -> Entry | None:
        """Give what is remembered under a key of 1 to 64 bytes."""
        ...

    def forgettable(self, before_ms: int, limit: int) -> Sequence[bytes]:
        """Give keys, at most `limit`, whose time of forgetting lies before that millisecond; the oldest first."""
        ...


class Draft:
    """The state as a batch under way sees it: what it has changed so far, over what was committed before."""

    def __init__(self, committed: State) -> None:
        self._committed = committed
        self._hidden_before = 0
        self.changes: dict[bytes, Entry | None] = {}

    def at(self, written_ms: int) -> None:
        """Show the state as a record finds it that was written at this time."""
        self._hidden_before = written_ms - HIDDEN_AFTER_MS

    def get(self, key: bytes) -> Entry | None:
        """Give what is remembered under a key."""
        entry = self.changes[key] if key in self.changes else self._committed.get(key)
        return None if entry is not None and 0 < entry.forget_at < self._hidden_before else entry

    def put(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Remember."""
        self.changes.update(entries)

    def forget(self, written_ms: int, limit: int) -> None:
        """Remove what no record finds from now on, `limit` entries at most, but nothing that this batch has put."""
        for key in self._committed.forgettable(written_ms - FORGOTTEN_AFTER_MS, limit):
            self.changes.setdefault(key, None)
