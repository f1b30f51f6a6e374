"""Rejected events in ClickHouse: read-only, and what users typed is bound, never part of a statement."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from sluice.cli.query import sentence
from sluice.cli.replaying.rows import BEFORE_ALL, REPLAYABLE, Kept, Place, Rejected
from sluice.contract.errors import Unusable
from sluice.contract.processed import Source
from sluice.role.address import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.cli.replaying.filters import Filters

Row = dict[str, Any]

_READ_ONLY = {"readonly": 2}

_SHOWN = """
    toUnixTimestamp64Milli(received_at) AS received_ms, project, api, event_type, outcome, stage, reason,
    toString(event_id) AS id, toString(duplicate_of) AS first, replay, request_id, toString(source_topic) AS topic,
    source_partition, source_offset, source_line, toUnixTimestamp64Milli(source_timestamp) AS source_ms
"""

_LATEST = """
SELECT {shown} FROM sluice.rejected_events WHERE {condition}
ORDER BY received_at DESC, id DESC, replay DESC, source_partition, source_offset, source_line
LIMIT {{limit:UInt32}}
"""

# What names one event or its rivals is left out, so that alike reasons count as one.
_COUNTS = r"""
SELECT outcome, replaceRegexpOne(
    replaceRegexpOne(reason, ': event [0-9a-f-]{{36}} of [0-9T:.Z+-]+$', ''),
    '(order|unique_id|Idempotency-Key) .+ (was |before)', '\\1 ... \\2') AS reason_of_all, count() AS events
FROM sluice.rejected_events WHERE {condition}
GROUP BY ALL ORDER BY events DESC, outcome, reason_of_all
"""

_ALL_ROWS = """
SELECT {shown}, raw_line, payload FROM sluice.event_log WHERE event_id = {{event_id:UUID}}
ORDER BY replay, source_timestamp, source_partition, source_offset, source_line
"""

_CANDIDATES = """
WITH found AS
(
    SELECT {shown}, length(payload) + length(raw_line) AS size, {kept} event_id
    FROM sluice.rejected_events
    WHERE {condition} AND outcome IN {{replayable:Array(String)}}
        AND (received_ms, id) > ({{after_ms:Int64}}, {{after_id:String}})
    ORDER BY received_ms, id, replay DESC, source_timestamp DESC, source_offset DESC, source_line DESC
    LIMIT 1 BY event_id
    LIMIT {{limit:UInt32}}
)
SELECT found.*, last_replay, stored
FROM found LEFT JOIN
(
    SELECT event_id, max(replay) AS last_replay, countIf(outcome = 'stored') AS stored
    FROM sluice.event_log WHERE event_id IN (SELECT event_id FROM found)
    GROUP BY event_id
) AS all_rows ON all_rows.event_id = found.event_id
ORDER BY received_ms, id
"""

_KNOWN = """
SELECT DISTINCT toString(event_id) AS id FROM sluice.event_log WHERE event_id IN {event_ids:Array(UUID)}
"""
IDS_AT_ONCE = 100
"""Parameters go in the URL, which servers bound."""


class RejectedEvents:
    """The rejected events of the ClickHouse at `url`. Each method raises `Unusable` where it cannot be asked."""

    def __init__(self, url: str) -> None:
        # It logs each failure too; here it becomes one sentence.
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)
        self._name = without_credentials(url)
        try:
            self._client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
        except (ClickHouseError, HTTPError, OSError, ValueError) as error:
            raise Unusable(f"ClickHouse at {self._name} does not answer: {sentence(error)}") from error

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def latest(self, filters: Filters, limit: int) -> list[Row]:
        """Give rejected rows, the latest first."""
        condition, bound = filters.condition()
        return self._ask(_LATEST.format(shown=_SHOWN, condition=condition), bound | {"limit": limit})

    def counts(self, filters: Filters) -> list[Row]:
        """Count rejected rows by outcome and reason, the most frequent first."""
        condition, bound = filters.condition()
        return self._ask(_COUNTS.format(condition=condition), bound)

    def rows_of(self, event_id: str) -> list[Row]:
        """Give all rows of one event, whatever became of them, in the order of its replays."""
        return self._ask(_ALL_ROWS.format(shown=_SHOWN), {"event_id": event_id})

    def candidates(self, filters: Filters, after: Place = BEFORE_ALL, limit: int = 1000) -> list[Rejected]:
        """Give the events that other rules may store, after this place, in the order of replaying."""
        return [_rejected(row) for row in self._candidates(filters, after, limit, kept="")]

    def kept(self, filters: Filters, after: Place, limit: int) -> list[Kept]:
        """Give the same with what is kept of what was sent."""
        rows = self._candidates(filters, after, limit, kept="raw_line, payload,")
        return [Kept(_rejected(row), row["raw_line"].encode(), row["payload"]) for row in rows]

    def known(self, event_ids: Sequence[str]) -> set[str]:
        """Tell which of these ids any row has."""
        return {
            row["id"] for some in _portions(event_ids, IDS_AT_ONCE) for row in self._ask(_KNOWN, {"event_ids": some})
        }

    def _candidates(self, filters: Filters, after: Place, limit: int, *, kept: str) -> list[Row]:
        condition, bound = filters.condition()
        cut = {"after_ms": after.received_ms, "after_id": after.event_id, "limit": limit}
        return self._ask(
            _CANDIDATES.format(shown=_SHOWN, condition=condition, kept=kept),
            bound | cut | {"replayable": [outcome.value for outcome in REPLAYABLE]},
        )

    def _ask(self, statement: str, parameters: dict[str, Any]) -> list[Row]:
        try:
            answer = self._client.query(
                statement, parameters=parameters, settings=_READ_ONLY, column_formats={"payload": "bytes"}
            )
        except (ClickHouseError, HTTPError, OSError) as error:
            raise Unusable(f"ClickHouse at {self._name}: {sentence(error)}") from error
        return list(answer.named_results())


def _portions(of: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (of[start : start + size] for start in range(0, len(of), size))


def _rejected(row: Row) -> Rejected:
    return Rejected(
        event_id=row["id"],
        project=row["project"],
        api=row["api"],
        event_type=row["event_type"],
        outcome=row["outcome"],
        stage=row["stage"],
        reason=row["reason"],
        replay=row["replay"],
        received_ms=row["received_ms"],
        source=source_of(row),
        size=row["size"],
        last_replay=row["last_replay"],
        stored=row["stored"] > 0,
    )


def source_of(row: Row) -> Source:
    """Give where a row's raw line stood."""
    return Source(row["topic"], row["source_partition"], row["source_offset"], row["source_line"], row["source_ms"])
