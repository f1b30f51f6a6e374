"""Deciding raw records: bytes and coordinates go in, one processed line for each raw line comes out.

A deterministic function of the record, the state before it and the rules: no clock, no randomness, no I/O; time is
what the envelope says. So a record that is decided again after a crash is decided the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sluice.contract import ndjson, processed, raw
from sluice.contract.consent import consent_of
from sluice.contract.errors import Malformed, Retry, Unusable
from sluice.contract.event import Consent, Event, Outcome, Stage
from sluice.contract.processed import Processed, Source, unreadable_id, unreadable_payload
from sluice.contract.raw import RECORD_BYTES
from sluice.contract.topics import MIB, PROCESSED_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.contract.raw import RawLine
    from sluice.processors.rules.rulebook import Rulebook, Verdict
    from sluice.processors.state import Draft, Entry
    from sluice.stream.lane import Record

_NO_EVENT = msgspec.Raw(b"null")
ERROR_CHARACTERS = 1000
"""Of what a rule raises: it may quote the whole event, which stands beside it anyway."""

UNREADABLE_CHARACTERS = 200
"""Of why a line cannot be read: a record may have many such lines, and this may quote them too."""

RESULTS_BYTES = PROCESSED_MAX_BYTES - MIB
"""What the decisions on one raw record come to, at most; the rest is for what Kafka adds to a record."""

TOO_LARGE = f"as it was sent and in its columns it takes more than the {RESULTS_BYTES // MIB} MiB that there are"

REPLAYABLE = frozenset({Outcome.INVALID, Outcome.BOT})
"""What another version of the rules may store: such events are kept whole."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions on one raw record, at least one, in order; and how many of its lines made a rule raise."""

    lines: Sequence[Processed]
    raised: int


def decide(record: Record, topic_id: str, rules: Rulebook, state: Draft) -> Decided:
    """Give one decision for each line of the record, and put what it remembers into the state.

    `topic_id` is Kafka's id of the topic that the record stands on. Where the decisions would not fit into a record,
    all its lines are rejected, and nothing is remembered; a gateway's record of more than one line always fits.

    Raises `Retry` where the state cannot be read, and `Unusable` where a newer version wrote it: neither is an
    event's fault.
    """
    state.at(record.timestamp)
    if len(record.value) <= RECORD_BYTES:
        return _judged(record, topic_id, rules, state)
    before = dict(state.changes)
    decided = _judged(record, topic_id, rules, state)
    if sum(len(processed.encode(line)) + 1 for line in decided.lines) <= RESULTS_BYTES:
        return decided
    state.changes = before
    return Decided([_too_large(text, source) for source, text in _lines_of(record, topic_id)], raised=0)


def _lines_of(record: Record, topic_id: str) -> Iterator[tuple[Source, bytes]]:
    for number, text in enumerate(ndjson.split(record.value)):
        yield Source(topic_id, record.partition, record.offset, number, record.timestamp), text


def _judged(record: Record, topic_id: str, rules: Rulebook, state: Draft) -> Decided:
    readable = _Readable(state)
    lines = []
    raised = 0
    for source, text in _lines_of(record, topic_id):
        try:
            line = raw.decode(text)
        except Malformed as error:
            lines.append(_unreadable(text, source, str(error)))
            continue
        try:
            verdict = rules.judge(line, readable)
        except (Retry, Unusable):
            raise
        except Exception as error:  # noqa: BLE001 - a rule that fails must cost its own event only, whatever it raises
            words = f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS]
            lines.append(_invalid(line, source, f"a rule failed on this event: {words}"))
            raised += 1
        else:
            state.put(verdict.remember)
            lines.append(_processed(line, source, verdict))
    return Decided(lines, raised)


class _Readable:
    """The state as rules see it: what goes wrong in reading it is told from a rule that fails."""

    def __init__(self, state: Draft) -> None:
        self._state = state

    def get(self, key: bytes) -> Entry | None:
        try:
            return self._state.get(key)
        except Exception as error:
            raise Retry(f"the state cannot be read: {error!r}") from error


def _processed(line: RawLine, source: Source, verdict: Verdict) -> Processed:
    return Processed(
        source=source,
        outcome=verdict.outcome,
        stage=Stage.NONE if verdict.outcome is Outcome.STORED else Stage.PROCESSOR,
        reason=verdict.reason,
        duplicate_of=verdict.duplicate_of,
        project=line.project,
        api=line.api,
        event=verdict.event,
        user_change=verdict.user_change,
        replay=line.replay,
        raw_line=_without_event(line) if verdict.outcome in REPLAYABLE else msgspec.UNSET,
        payload=line.event,
    )


def _without_event(line: RawLine) -> msgspec.Raw:
    client = msgspec.structs.replace(line.client, ip="") if _denies_consent(line) else line.client
    return msgspec.Raw(raw.encode(msgspec.structs.replace(line, event=_NO_EVENT, client=client)))


def _denies_consent(line: RawLine) -> bool:
    try:
        return consent_of(line.api, line.event) is Consent.DENIED
    except Exception:  # noqa: BLE001 - what another gateway let pass may not be of its API's shape, and denies nothing
        return False


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
        raw_line=_without_event(line),
        payload=line.event,
    )


def _too_large(text: bytes, source: Source) -> Processed:
    try:
        return _invalid(raw.decode(text), source, TOO_LARGE)
    except Malformed as error:
        return _unreadable(text, source, str(error))


def _unreadable(text: bytes, source: Source, reason: str) -> Processed:
    """Reject what no gateway of ours has written; its event id follows from where it stands."""
    return Processed(
        source=source,
        outcome=Outcome.INVALID,
        stage=Stage.PROCESSOR,
        reason=reason[:UNREADABLE_CHARACTERS],
        project="",
        api="",
        event=Event(
            event_id=unreadable_id(source),
            request_id="",
            event_type="",
            timestamp=source.timestamp,
            received_at=source.timestamp,
        ),
        payload_base64=unreadable_payload(text),
    )
