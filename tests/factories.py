"""Valid values to start from; each test changes one thing."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec

from sluice.contract import ndjson, raw
from sluice.contract.event import Api, Event, Outcome
from sluice.contract.processed import Processed, Source
from sluice.stream.lane import Record

TOPIC = str(UUID(int=0x7091C))
NOW = 1_795_000_000_000


def pulse_event(**changes: Any) -> dict[str, Any]:
    event = {
        "site_id": "site_abc123",
        "event_type": "page_view",
        "timestamp": NOW - 1000,
        "session_id": "session_1",
    } | changes
    return {name: value for name, value in event.items() if value is not ...}


def raw_line(event: dict[str, Any] | bytes | None = None, **changes: Any) -> raw.RawLine:
    sent = event if isinstance(event, bytes) else json.dumps(event or pulse_event()).encode()
    fields: dict[str, Any] = {
        "id": str(UUID(int=changes.pop("number", 1))),
        "request_id": "request-1",
        "index": 0,
        "project": "demo",
        "api": Api.PULSE,
        "received_at": NOW,
        "key": None,
        "idempotency_key": None,
        "client": raw.Client("192.0.2.1", "Mozilla/5.0"),
        "event": msgspec.Raw(sent),
    }
    return raw.RawLine(**(fields | changes))


def raw_record(offset: int, *lines: raw.RawLine, partition: int = 0) -> Record:
    return Record(partition, offset, NOW, ndjson.join(raw.encode(line) for line in lines or (raw_line(),)))


def processed_line(offset: int = 0, line: int = 0, **changes: Any) -> Processed:
    source = Source(
        changes.pop("topic", TOPIC),
        changes.pop("partition", 0),
        offset,
        line,
        changes.pop("source_timestamp", NOW),
    )
    fields: dict[str, Any] = {
        "source": source,
        "outcome": Outcome.STORED,
        "project": "demo",
        "api": "pulse",
        "event": Event(
            event_id=str(UUID(int=offset * 1000 + line)),
            request_id="request-1",
            event_type="page_view",
            timestamp=NOW - 1000,
            received_at=NOW,
        ),
        "payload": msgspec.Raw(b'{"site_id":"site_abc123"}'),
    }
    return Processed(**(fields | changes))
