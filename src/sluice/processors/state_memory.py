"""The state's twin in memory, for tests and for a look at what rules would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.processors.state import Entry


class MemoryState:
    """State in a dictionary."""

    def __init__(self, entries: Mapping[bytes, Entry] | None = None) -> None:
        self.entries: dict[bytes, Entry] = dict(entries or {})

    def get(self, key: bytes) -> Entry | None:
        """Give what is remembered under a key."""
        return self.entries.get(key)

    def forgettable(self, before_ms: int, limit: int) -> Sequence[bytes]:
        """Give keys whose time of forgetting lies before that millisecond."""
        found = ((entry.forget_at, key) for key, entry in self.entries.items() if 0 < entry.forget_at < before_ms)
        return [key for _, key in sorted(found)[:limit]]

    def apply(self, changes: Mapping[bytes, Entry | None]) -> None:
        """Make changes that were committed."""
        for key, entry in changes.items():
            if entry is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = entry
