"""Rejected events as people and scripts see them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from sluice.contract import raw
from sluice.contract.errors import Malformed

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from sluice.cli.replaying.clickhouse import Row
    from sluice.cli.replaying.lines import Outgoing
    from sluice.cli.replaying.sender import Tally
    from sluice.contract.processed import Processed
    from sluice.contract.raw import RawLine

COLUMNS = ("time", "project", "api", "type", "outcome", "reason", "event_id", "replay")
TYPES = ("String",) * 7 + ("UInt16",)
REASON_CHARACTERS = 160
REASONS_SHOWN = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Control characters move a terminal's cursor, and the others turn the direction of text.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Give what anybody may have sent in a form that does a terminal no harm."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def time_of(milliseconds: int) -> str:
    """Give a time as ISO 8601, in UTC."""
    at = _EPOCH + timedelta(milliseconds=milliseconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_cells(row: Row) -> list[str]:
    """Give a row in the order of `COLUMNS`."""
    return [
        time_of(row["received_ms"]),
        *(printable(row[column]) for column in ("project", "api", "event_type", "outcome")),
        _cut(printable(row["reason"])),
        row["id"],
        str(row["replay"]),
    ]


def as_json(row: Row) -> bytes:
    """Give a row as one line of NDJSON."""
    return msgspec.json.encode(
        {
            "received_at": time_of(row["received_ms"]),
            **{name: row[name] for name in ("project", "api", "event_type", "outcome", "stage", "reason")},
            "event_id": row["id"],
            "duplicate_of": row["first"],
            **{name: row[name] for name in ("replay", "request_id")},
            **{name: row[name] for name in ("source_partition", "source_offset", "source_line")},
        }
    )


def counted(counts: Sequence[Row]) -> Iterator[str]:
    """Say how many there are of each outcome, and of its most frequent reasons."""
    by_outcome: dict[str, list[Row]] = {}
    for row in counts:
        by_outcome.setdefault(row["outcome"], []).append(row)
    for outcome, reasons in sorted(by_outcome.items()):
        yield f"{sum(row['events'] for row in reasons):>9,}  {outcome}"
        for row in reasons[:REASONS_SHOWN]:
            yield f"{row['events']:>14,}  {_cut(printable(row['reason_of_all']))}"
        if len(reasons) > REASONS_SHOWN:
            others = sum(row["events"] for row in reasons[REASONS_SHOWN:])
            yield f"{others:>14,}  for {len(reasons) - REASONS_SHOWN} other reasons"


def shown(rows: Sequence[Row]) -> Iterator[str]:
    """Tell all that is known of one event: `rows` are all of its rows, in the order of its replays."""
    first, latest = rows[0], rows[-1]
    yield f"event      {first['id']}"
    yield f"received   {time_of(first['received_ms'])}"
    if first["project"]:
        yield f"by         API {first['api']} of project {first['project']}, request {printable(first['request_id'])}"
    if event_type := next((row["event_type"] for row in reversed(rows) if row["event_type"]), ""):
        yield f"type       {printable(event_type)}"
    for row in rows:
        yield ""
        yield from _one_row(row)
    kept = next((row for row in reversed(rows) if row["raw_line"]), None)
    if kept is not None:
        yield ""
        yield from _request(kept["raw_line"])
    yield ""
    if not first["project"]:
        yield from _unreadable(latest["payload"])
    yield "as it was sent:"
    yield printable_bytes(latest["payload"])


def printable_bytes(sent: bytes) -> str:
    """Give bytes that are text as text, and what is none in escapes."""
    return printable(sent.decode("utf-8", "backslashreplace"))


def _one_row(row: Row) -> Iterator[str]:
    times = "as it came" if not row["replay"] else f"replay {row['replay']}"
    became = row["outcome"] + (f", by the {row['stage']}" if row["stage"] else "")
    yield f"{times:<10} {became}"
    if row["reason"]:
        yield f"  reason   {printable(row['reason'])}"
    if row["first"]:
        yield f"  lost to  {row['first']}"
    yield (
        f"  stood    on events.raw since {time_of(row['source_ms'])}: partition {row['source_partition']}, "
        f"offset {row['source_offset']}, line {row['source_line']}"
    )


def _request(raw_line: str) -> Iterator[str]:
    line = raw.decode(raw_line.encode())
    yield f"sent by    {printable(line.client.ip) or 'an address that is not kept'}"
    yield f"as         {printable(line.client.user_agent) or 'no user agent'}"
    yield f"number     {line.index + 1} of its request"
    if line.key is not None:
        yield f"routed by  {printable(line.key)}"
    if line.idempotency_key is not None:
        yield f"idempotent {printable(line.idempotency_key)}"
    for name, value in _context(line).items():
        yield f"{name:<10} {printable(value)}"


def _context(line: RawLine) -> dict[str, str]:
    known: dict[str, Any] = {
        "user": line.context.user_id,
        "email": line.context.email,
        "anonymous": line.context.anonymous_id,
        "ping id": line.context.ping_id,
        "header": line.context.header,
        "profile": line.context.profile,
    }
    texts = {
        name: bytes(value).decode("utf-8", "backslashreplace") if isinstance(value, msgspec.Raw) else value
        for name, value in known.items()
        if value is not msgspec.UNSET
    }
    return {name: value for name, value in texts.items() if value}


def _unreadable(payload: bytes) -> Iterator[str]:
    try:
        line = raw.decode(payload)
    except Malformed:
        return
    yield f"today it can be read: it is event {line.id} of project {line.project}"


def _cut(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else text[: REASON_CHARACTERS - 1] + "…"


def tried(event: Outgoing, decision: Processed) -> str:
    """Say what the rules would make of an event that they are tried on."""
    row = event.row
    would_be = str(decision.outcome) + (f": {_cut(printable(decision.reason))}" if decision.reason else "")
    of = " ".join(printable(part) for part in (event.line.project, event.line.api, decision.event.event_type) if part)
    return f"{event.line.id}  {of}  {row.outcome} -> {would_be}"


def summary(tally: Tally) -> Iterator[str]:
    """Say how many events were sent in again, and why others were not."""
    yield f"{tally.sent:>9,}  sent in again"
    if tally.unknown:
        yield f"{tally.unknown:>9,}  perhaps: Kafka did not acknowledge them; sending them once more does no harm"
    yield from reasons(tally.refused)


def reasons(refused: Counter[str]) -> Iterator[str]:
    """Say how many events are not sent in again, by why."""
    for reason, events in refused.most_common():
        yield f"{events:>9,}  not: {_cut(printable(reason))}"
