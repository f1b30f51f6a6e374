"""One event as a line of `sluice tail`, and which events are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from sluice.cli.reading.shown import moment, printable
from sluice.cli.tracing.sighting import canonical
from sluice.contract import ndjson, processed, raw, topics
from sluice.contract.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED = "accepted"
UNREADABLE = "unreadable"

_encoder = msgspec.json.Encoder()


class ShownLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event with where it stands on events.raw; `outcome` is `accepted` until it is decided.

    Times are in milliseconds since 1970 in UTC. A raw line that cannot be read is `unreadable`, with the reason.
    """

    received_at: int
    partition: int
    offset: int
    line: int
    outcome: str
    project: str = ""
    api: str = ""
    event_type: str = ""
    event_id: str = ""
    request_id: str = ""
    reason: str = ""
    duplicate_of: str | None = None

    def as_json(self) -> bytes:
        """Give a JSON object on one line."""
        return _encoder.encode(self)

    def as_text(self) -> bytes:
        """Give columns that stay in place unless a name is long."""
        coordinates = f"{self.partition}:{self.offset}:{self.line}"
        columns = (
            moment(self.received_at),
            f"{coordinates:<14}",
            f"{printable(self.project, 24) or '-':<8}",
            f"{self.api or '-':<10}",
            f"{printable(self.event_type, 40) or '-':<18}",
            f"{printable(self.outcome, 24):<10}",
            f"{self.event_id or '-':<36}",
            printable(self.reason),
        )
        return "  ".join(columns).rstrip().encode()


@dataclass(frozen=True)
class Filter:
    """Which events are shown: those that are equal in all that is given."""

    project: str | None = None
    api: str | None = None
    event_type: str | None = None
    outcome: str | None = None

    def lets_pass(self, line: ShownLine) -> bool:
        """Tell whether an event is shown."""
        wanted = (self.project, self.api, self.event_type, self.outcome)
        given = (line.project, line.api, line.event_type, line.outcome)
        return all(want is None or want == value for want, value in zip(wanted, given, strict=True))


class Record(Protocol):
    """A record of events.raw or events.processed, as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None


def of_record(record: Record) -> Iterator[ShownLine]:
    """Give the events of a record of either topic."""
    return _accepted(record) if record.topic == topics.RAW.name else _decided(record.value)


def _accepted(record: Record) -> Iterator[ShownLine]:
    for number, text in enumerate(ndjson.split(record.value or b"")):
        try:
            line = raw.decode(text)
        except Malformed as error:
            yield ShownLine(
                received_at=record.timestamp,
                partition=record.partition,
                offset=record.offset,
                line=number,
                outcome=UNREADABLE,
                reason=str(error),
            )
            continue
        event = canonical(line)
        yield ShownLine(
            received_at=line.received_at,
            partition=record.partition,
            offset=record.offset,
            line=number,
            project=line.project,
            api=line.api,
            event_type=event.event_type if event else "",
            outcome=ACCEPTED,
            event_id=line.id,
            request_id=line.request_id,
        )


def _decided(value: bytes | None) -> Iterator[ShownLine]:
    for text in ndjson.split(value or b""):
        try:
            line = processed.decode(text)
        except Malformed:
            continue  # no processor wrote it, so it stands for no event
        yield ShownLine(
            received_at=line.event.received_at,
            partition=line.source.partition,
            offset=line.source.offset,
            line=line.source.line,
            project=line.project,
            api=line.api,
            event_type=line.event.event_type,
            outcome=line.outcome,
            event_id=line.event.event_id,
            request_id=line.event.request_id,
            reason=line.reason,
            duplicate_of=line.duplicate_of,
        )
