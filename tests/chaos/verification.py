"""What a run has left in ClickHouse, held against what was sent: every difference is a sentence.

Every event bears a marker of its own among its properties, and is sent once. So each that was accepted is one row,
whatever became of it, and each that was not, or whose answer was lost, is one row at most. Rows must be dense where
they stood on the raw topic, an order is stored once if any of its confirmations was accepted, and of a user's email
opens those are throttled that come within 20 minutes of the last one stored. Each roll-up must be what the table
comes to (`rollups.py`).

The comparing is pure; what it compares is read at the end of this module. See docs/reliability.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import clickhouse_connect
from tests.chaos.rollups import COMPARISONS, of_rollup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

OPENS_APART_MS = 20 * 60 * 1000
NAMED = 10
"""So many of one kind are named; the others are counted."""


@dataclass(frozen=True)
class Sent:
    """One event that was sent, once: whether a 2xx came back, and the order that it confirms, if it is such."""

    marker: str
    accepted: bool
    order_id: str | None


class RawRecord(NamedTuple):
    """The rows that one raw record has in the table."""

    topic_id: str
    partition: int
    offset: int
    rows: int
    distinct_lines: int
    last_line: int


class StoredOrder(NamedTuple):
    """How many confirmations of an order are stored within a project."""

    project: str
    order_id: str
    rows: int


class Open(NamedTuple):
    """An email open that was stored or throttled; `at` is in milliseconds since 1970."""

    partition: int
    project: str
    user_id: str
    event_id: str
    at: int
    outcome: str


class Lost(NamedTuple):
    """An event that lost to another which no row shows."""

    event_id: str
    duplicate_of: str


def violations(sent: Iterable[Sent], clickhouse_url: str) -> list[str]:
    """Say what is wrong in the database at `clickhouse_url` after these events were sent; nothing if all is exact.

    All of them must have had the time to be stored and fed, and nothing may be written meanwhile.
    """
    events = list(sent)
    with clickhouse_connect.get_client(dsn=clickhouse_url, autogenerate_session_id=False) as client:
        return [
            *some(of_markers(events, _rows_by_marker(client))),
            *some(of_coordinates(_raw_records(client))),
            *some(of_orders(events, _stored_orders(client))),
            *some(of_opens(_opens(client))),
            *some(of_losers(_losers_to_nobody(client))),
            *(each for comparison in COMPARISONS for each in some(of_rollup(comparison, client))),
        ]


def some(sentences: Iterable[str]) -> list[str]:
    """Give the first sentences, and say how many there are beside them."""
    remaining = iter(sentences)
    named = list(islice(remaining, NAMED))
    more = sum(1 for _ in remaining)
    return [*named, f"... and {more:,} more of this kind"] if more else named


def of_markers(sent: Iterable[Sent], rows: Mapping[str, int]) -> Iterator[str]:
    """Compare what was sent with how many rows bear each marker."""
    unknown = dict(rows)
    for event in sent:
        found = unknown.pop(event.marker, 0)
        if event.accepted and found != 1:
            yield f"event {event.marker} was accepted and has {found} rows"
        elif found > 1:
            yield f"event {event.marker} was not known to be accepted and has {found} rows"
    for marker, found in unknown.items():
        yield f"event {marker} was never sent and has {found} rows"


def of_coordinates(records: Iterable[RawRecord]) -> Iterator[str]:
    """Tell where rows are missing, or stand twice, between the first and the last of a partition."""
    partitions: dict[tuple[str, int], list[RawRecord]] = defaultdict(list)
    for record in records:
        partitions[record.topic_id, record.partition].append(record)
        at = f"raw record {record.offset} of partition {record.partition} of topic {record.topic_id}"
        if record.rows != record.distinct_lines:
            yield f"{at} has {record.rows} rows for {record.distinct_lines} lines"
        if record.distinct_lines != record.last_line + 1:
            yield f"{at} has {record.distinct_lines} of its first {record.last_line + 1} lines"
    for (topic_id, partition), of_one in partitions.items():
        for before, after in pairwise(sorted(record.offset for record in of_one)):
            if after != before + 1:
                missing = f"raw records {before + 1} to {after - 1}"
                yield f"{missing} of partition {partition} of topic {topic_id} have no rows"


def of_orders(sent: Iterable[Sent], stored: Iterable[StoredOrder]) -> Iterator[str]:
    """Tell which orders are stored twice within a project, and which are not although a confirmation was accepted."""
    known = set()
    for order in stored:
        known.add(order.order_id)
        if order.rows != 1:
            yield f"order {order.order_id} of project {order.project} is stored {order.rows} times"
    accepted = {event.order_id for event in sent if event.accepted and event.order_id is not None}
    for order_id in sorted(accepted - known):
        yield f"order {order_id} was accepted and is not stored"


def of_opens(opens: Iterable[Open]) -> Iterator[str]:
    """Tell which opens, in the order in which they were decided, are not what a single pass makes of them."""
    begun: dict[tuple[int, str, str], int] = {}
    for each in opens:
        user = each.partition, each.project, each.user_id
        since = begun.get(user)
        is_within = since is not None and abs(each.at - since) < OPENS_APART_MS
        if each.outcome != ("throttled" if is_within else "stored"):
            yield f"email open {each.event_id} of user {each.user_id} is {each.outcome}, and should not be"
        if not is_within and (since is None or each.at > since):
            begun[user] = each.at


def of_losers(losers: Iterable[Lost]) -> Iterator[str]:
    """Tell which events lost to one that is not there."""
    for loser in losers:
        yield f"event {loser.event_id} is a duplicate of {loser.duplicate_of}, which has no row"


# An event that could not be put into columns has its properties in its payload only.
_MARKER = r"""if(properties['marker'] != '', properties['marker'], extract(payload, '"marker"\s*:\s*"([^"]*)"'))"""


def _rows_by_marker(client: Client) -> Mapping[str, int]:
    rows = _ask(
        client, f"SELECT {_MARKER} AS marker, count() FROM sluice.event_log WHERE marker != '' GROUP BY marker"
    )
    return {str(marker): int(count) for marker, count in rows}


def _raw_records(client: Client) -> Iterator[RawRecord]:
    rows = _ask(
        client,
        """
        SELECT toString(source_topic), source_partition, source_offset,
               count(), uniqExact(source_line), max(source_line)
        FROM sluice.event_log
        GROUP BY source_topic, source_partition, source_offset
        """,
    )
    return (RawRecord(*row) for row in rows)


def _stored_orders(client: Client) -> Iterator[StoredOrder]:
    rows = _ask(
        client,
        """
        SELECT project, order_id, count()
        FROM sluice.event_log
        WHERE outcome = 'stored' AND event_type = 'confirmation' AND order_id != ''
        GROUP BY project, order_id
        """,
    )
    return (StoredOrder(*row) for row in rows)


def _opens(client: Client) -> Iterator[Open]:
    rows = _ask(
        client,
        """
        SELECT source_partition, project, user_id, toString(event_id), toUnixTimestamp64Milli(timestamp), outcome
        FROM sluice.event_log
        WHERE event_type = 'email_open' AND user_id != '' AND outcome IN ('stored', 'throttled')
        ORDER BY source_partition, source_offset, source_line
        """,
    )
    return (Open(*row) for row in rows)


def _losers_to_nobody(client: Client) -> Iterator[Lost]:
    rows = _ask(
        client,
        """
        SELECT toString(event_id), toString(duplicate_of)
        FROM sluice.event_log
        WHERE duplicate_of IS NOT NULL AND duplicate_of NOT IN (SELECT event_id FROM sluice.event_log)
        """,
    )
    return (Lost(*row) for row in rows)


def _ask(client: Client, sql: str) -> Sequence[Sequence[Any]]:
    return client.query(sql).result_rows
