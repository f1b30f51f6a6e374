"""What rules remember of one partition, as of its last commit: values by key, some of which may be forgotten in time.

Rules read it; only a commit of the journal changes it. See docs/decisions/0012-state.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Entry(NamedTuple):
    """A remembered value, and the millisecond since 1970 after which it counts no more; 0: it always does.

    Forgetting saves room and decides nothing: a rule that reads an entry after its time must not go by it.
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
        self.changes: dict[bytes, Entry | None] = {}

    def get(self, key: bytes) -> Entry | None:
        """Give what is remembered under a key."""
        return self.changes[key] if key in self.changes else self._committed.get(key)

    def put(self, entries: Iterable[tuple[bytes, Entry]]) -> None:
        """Remember."""
        self.changes.update(entries)

    def forget(self, before_ms: int, limit: int) -> None:
        """Forget what nobody asks for any more, but nothing that this batch has put."""
        for key in self._committed.forgettable(before_ms, limit):
            self.changes.setdefault(key, None)
