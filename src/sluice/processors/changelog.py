"""What stands on the changelog, and how far a store has read it. Pure.

A partition of the changelog is the log of one store: a record for each change of its state, and the partition's
marker. Kafka keeps the latest of each key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from sluice.contract.durations import HOUR_MS
from sluice.contract.topics import FORGETTING_KEPT_MS
from sluice.processors.journal import Marker
from sluice.processors.state import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_ABSENCE_MS = FORGETTING_KEPT_MS // 2
"""A store that was away for longer may never see that a key was forgotten, and would remember it for ever."""

LAYOUT = 1
"""How stores are laid out; one of another layout is made anew."""

TIME_BYTES = 8
"""An entry's first bytes: the time of its forgetting."""

_MARKER_KEY = b"marker"
_STATE = b"s"


class Record(Protocol):
    """A record of the changelog, as aiokafka gives it."""

    @property
    def key(self) -> bytes | None:
        """Give the key."""
        ...

    @property
    def value(self) -> bytes | None:
        """Give the value; None where the key is forgotten."""
        ...


class Changes(NamedTuple):
    """What some records of the changelog come to: the latest change of each key, and the latest marker if any."""

    entries: dict[bytes, Entry | None]
    marker: Marker | None


class Position(msgspec.Struct, frozen=True):
    """How far a store has come: the changelog's topic id, the next offset to read, and when it knew all.

    `complete_at` is the time, in milliseconds since 1970, at which the store last held everything that the changelog
    did, or else at which it began with the changelog's start.
    """

    topic_id: str
    next_offset: int
    complete_at: int
    layout: int = LAYOUT


def records_of(changes: Mapping[bytes, Entry | None], marker: Marker) -> Iterator[tuple[bytes, bytes | None]]:
    """Give key and value of the records that tell of a commit; the marker comes last."""
    for key, entry in changes.items():
        yield _STATE + key, None if entry is None else encode(entry)
    yield _MARKER_KEY, msgspec.json.encode(marker)


def changes_of(records: Iterable[Record]) -> Changes:
    """Read records back, in their order. Passes over keys that only another version knows."""
    entries: dict[bytes, Entry | None] = {}
    marker = None
    for record in records:
        key, value = record.key or b"", record.value
        if key == _MARKER_KEY:
            marker = msgspec.json.decode(value or b"", type=Marker)
        elif key.startswith(_STATE):
            entries[key[1:]] = None if value is None else decode(value)
    return Changes(entries, marker)


def encode(entry: Entry) -> bytes:
    """Give an entry's bytes: the time of its forgetting, and its value."""
    return encode_time(entry.forget_at) + entry.value


def decode(encoded: bytes) -> Entry:
    """Read an entry's bytes."""
    return Entry(encoded[TIME_BYTES:], int.from_bytes(encoded[:TIME_BYTES], "big"))


def encode_time(ms: int) -> bytes:
    """Give a time's bytes, which sort as times do."""
    return ms.to_bytes(TIME_BYTES, "big")


def why_start_over(position: Position, topic_id: str, held: range, now: int) -> str | None:
    """Say why a store at this position would miss something, if it went on with a changelog that holds `held`.

    None where it would not.
    """
    absence_ms = abs(now - position.complete_at)
    if position.layout != LAYOUT:
        return f"it is laid out in form {position.layout}, and this version writes form {LAYOUT}"
    if position.topic_id != topic_id:
        return "the changelog was made anew"
    if position.next_offset > held.stop:
        return f"the changelog ends at {held.stop}, and was read up to {position.next_offset}"
    if position.next_offset < held.start:
        return f"the changelog starts at {held.start}, and was read up to {position.next_offset} only"
    if absence_ms >= LONGEST_ABSENCE_MS:
        hours = absence_ms // HOUR_MS
        return f"it was last complete {hours} hours ago, and Kafka may have dropped what was forgotten since then"
    return None
