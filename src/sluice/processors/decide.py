"""Deciding raw records: bytes and coordinates go in, one processed line for each raw line comes out.

A deterministic function of its input: no clock, no randomness, no I/O; time is what the envelope says. So a record
that is decided again after a crash is decided the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from sluice.contract import ndjson, raw
from sluice.contract.errors import Malformed
from sluice.contract.event import LATEST_MS, Event, Outcome, Stage
from sluice.contract.processed import Processed, Source, unreadable_payload
from sluice.processors.rules.canonical import CANONICALISERS

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors
    from sluice.stream.lane import Record


def decide(record: Record, topic_id: str, visitors: Visitors) -> list[Processed]:
    """Give one decision for each line of the record, in order; at least one.

    `topic_id` is Kafka's id of the topic that the record stands on.
    """
    processed = []
    for number, text in enumerate(ndjson.split(record.value)):
        source = Source(topic_id, record.partition, record.offset, number, record.timestamp)
        processed.append(_decide_line(text, source, visitors))
    return processed


def _decide_line(text: bytes, source: Source, visitors: Visitors) -> Processed:
    try:
        line = raw.decode(text)
    except Malformed as error:
        return _unreadable(text, source, str(error))
    try:
        event = CANONICALISERS[line.api](line, visitors)
        if not 0 <= event.timestamp <= LATEST_MS:
            raise ValueError(f"timestamp {event.timestamp} is not between 1970 and 2299")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 - a rule that fails must cost its own event only, whatever it raises
        return _invalid(line, source, f"a rule failed on this event: {type(error).__name__}: {error}")
    return Processed(
        source=source,
        outcome=Outcome.STORED,
        project=line.project,
        api=line.api,
        event=event,
        replay=line.replay,
        payload=line.event,
    )


def _invalid(line: RawLine, source: Source, reason: str) -> Processed:
    return Processed(
        source=source,
        outcome=Outcome.INVALID,
        stage=Stage.PROCESSOR,
        reason=reason,
        project=line.project,
        api=line.api,
        event=Event(
            event_id=line.id,
            request_id=line.request_id,
            event_type="",
            timestamp=line.received_at,
            received_at=line.received_at,
        ),
        replay=line.replay,
        payload=line.event,
    )


def _unreadable(text: bytes, source: Source, reason: str) -> Processed:
    """Reject what no gateway of ours has written; its event id follows from where it stands."""
    coordinates = f"{source.topic}/{source.partition}/{source.offset}/{source.line}"
    return Processed(
        source=source,
        outcome=Outcome.INVALID,
        stage=Stage.PROCESSOR,
        reason=reason,
        project="",
        api="",
        event=Event(
            event_id=str(uuid5(NAMESPACE_URL, coordinates)),
            request_id="",
            event_type="",
            timestamp=source.timestamp,
            received_at=source.timestamp,
        ),
        payload_base64=unreadable_payload(text),
    )
