"""Rejected events as people and scripts see them. Pure."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from sluice.cli.reading.shown import moment, number, printable
from sluice.contract import raw
from sluice.contract.errors import Malformed

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from sluice.cli.replaying.candidates import Survey
    from sluice.cli.replaying.lines import Outgoing
    from sluice.cli.replaying.rows import Row
    from sluice.cli.replaying.sender import Tally
    from sluice.cli.replaying.table import Count, Sent
    from sluice.contract.processed import Processed
    from sluice.contract.raw import RawLine

COLUMNS = ("time", "project", "api", "type", "outcome", "reason", "event_id", "replay")
TYPES = (*["String"] * 7, "UInt16")
KINDS_SHOWN = 20


def as_cells(row: Row) -> list[str]:
    """Give a row in the order of `COLUMNS`."""
    senders = (row.project, row.api, row.event_type, row.outcome, row.reason)
    return [moment(row.received_ms), *map(printable, senders), row.event_id, str(row.replay)]


def as_json(row: Row) -> bytes:
    """Give a row as one line of NDJSON; times are in milliseconds since 1970."""
    renamed = {"received_ms": "received_at", "first": "duplicate_of", "source_ms": "source_timestamp"}
    return msgspec.json.encode({renamed.get(name, name): value for name, value in row._asdict().items()})


def counted(counts: Iterable[Count]) -> Iterator[str]:
    """Say how many there are of each outcome, and of its most frequent reasons, which come first."""
    by_outcome = groupby(sorted(counts, key=attrgetter("outcome")), key=attrgetter("outcome"))
    for outcome, of_one in by_outcome:
        kinds = list(of_one)
        yield f"{sum(kind.rows for kind in kinds):>9,}  {outcome}"
        for kind in kinds[:KINDS_SHOWN]:
            yield f"{kind.rows:>14,}  {printable(kind.kind)}"
        if others := kinds[KINDS_SHOWN:]:
            yield f"{sum(kind.rows for kind in others):>14,}  for {number(len(others), 'other reason')}"


def shown(sent: Sequence[Sent]) -> Iterator[str]:
    """Tell all that is known of one event: `sent` are all of its rows, in the order of its replays."""
    first, latest = sent[0].row, sent[-1]
    yield f"event      {first.event_id}"
    yield f"received   {moment(first.received_ms)}"
    if first.project:
        yield f"by         API {first.api} of project {first.project}, request {printable(first.request_id)}"
    if event_type := next((row.event_type for row, _, _ in reversed(sent) if row.event_type), ""):
        yield f"type       {printable(event_type)}"
    for row, _, _ in sent:
        yield ""
        yield from _what_became_of(row)
    yield ""
    if raw_line := next((raw_line for _, raw_line, _ in reversed(sent) if raw_line), b""):
        yield from _request(raw.decode(raw_line))
        yield ""
    if not first.project:
        yield from _read_today(latest.payload)
    yield "as it was sent:"
    text = latest.payload.decode("utf-8", "backslashreplace")
    yield printable(text, widest=len(text))


def tried(event: Outgoing, decision: Processed) -> str:
    """Say what the rules would make of an event that they are tried on."""
    would_be = str(decision.outcome) + (f": {printable(decision.reason)}" if decision.reason else "")
    of = " ".join(printable(part) for part in (event.line.project, event.line.api, decision.event.event_type) if part)
    return f"{event.line.id}  {of}  {event.row.outcome} -> {would_be}"


def surveyed(found: Survey) -> Iterator[str]:
    """Say what is not sent in again; but nothing that will be said again when the others are."""
    for outcome, rows in found.staying.items():
        yield f"{rows:>9,}  not sent: {outcome} stays so, since it lost to another event"
    if not found.ready:
        yield from reasons(found.refused)
        yield "there is nothing to send in again"


def summary(tally: Tally) -> Iterator[str]:
    """Say how many events were sent in again, and why others were not."""
    yield f"{tally.sent:>9,}  sent in again"
    if tally.unknown:
        yield f"{tally.unknown:>9,}  perhaps: Kafka did not acknowledge them; sending them once more does no harm"
    yield from reasons(tally.refused)


def reasons(refused: Counter[str]) -> Iterator[str]:
    """Say how many events are not sent in again, by why."""
    for reason, events in refused.most_common():
        yield f"{events:>9,}  not sent: {printable(reason)}"


def _what_became_of(row: Row) -> Iterator[str]:
    times = f"replay {row.replay}" if row.replay else "as it came"
    yield f"{times:<10} {row.outcome}" + (f", by the {row.stage}" if row.stage else "")
    if row.reason:
        yield f"  reason   {printable(row.reason, widest=len(row.reason))}"
    if row.first:
        yield f"  lost to  {row.first}"
    yield (
        f"  stood    on events.raw since {moment(row.source_ms)}: partition {row.source_partition}, "
        f"offset {row.source_offset}, line {row.source_line}"
    )


def _request(line: RawLine) -> Iterator[str]:
    context = line.context
    known: dict[str, Any] = {
        "sent by": line.client.ip or "an address that is not kept",
        "as": line.client.user_agent or "no user agent",
        "place": f"{line.index + 1} in its request",
        "routed by": line.key,
        "idempotent": line.idempotency_key,
        "user": context.user_id,
        "email": context.email,
        "anonymous": context.anonymous_id,
        "ping id": context.ping_id,
        "header": context.header,
        "profile": context.profile,
    }
    for name, value in known.items():
        text = bytes(value).decode("utf-8", "backslashreplace") if isinstance(value, msgspec.Raw) else value
        if text:
            yield f"{name:<10} {printable(text, widest=len(text))}"


def _read_today(payload: bytes) -> Iterator[str]:
    try:
        line = raw.decode(payload)
    except Malformed as error:
        yield f"today it cannot be read either: {printable(str(error))}"
    else:
        yield f"today it can be read: it is event {line.id} of project {printable(line.project)}"
