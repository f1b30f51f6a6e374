"""How long `event_log` keeps rows.

The table is the ledger: what is below its marks is never inserted again. A row may only go once Kafka can no longer
deliver it, and rows go by whole parts, of a month at most: so that a mark never goes before what it guards.
"""

from __future__ import annotations

import re

from sluice.contract import topics
from sluice.contract.durations import DAY_MS

_DAYS_OF_A_PART = 31
_TTL = re.compile(r"\bTTL toDateTime\(source_timestamp\) \+ toIntervalDay\((\d+)\)")


def _days_kept(topic: topics.Topic) -> int:
    return -(-int(topic.config["retention.ms"]) // DAY_MS)


CREATED_BY = "SELECT create_table_query FROM system.tables WHERE database = 'sluice' AND name = 'event_log'"
"""Asks for the statement that would make the table as it is, by which its retention is told."""

LEAST_DAYS = _days_kept(topics.RAW) + _days_kept(topics.PROCESSED) + _DAYS_OF_A_PART
"""The shortest retention: what Kafka keeps of a record, raw and then processed, and the length of a part's month."""


def retention_days(created_by: str) -> int:
    """Give for how many days the table keeps rows, by its `create_table_query` in `system.tables`; 0 is for ever."""
    found = _TTL.search(created_by)
    return int(found[1]) if found else 0


def retention_statements(days: int, created_by: str) -> list[str]:
    """Give templates of the statements that make the table keep its rows for `days` days; 0 means for ever.

    `created_by` is the table's `create_table_query` in `system.tables`; where it says so already, nothing is to be
    done. Parts of before get their date without being rewritten.
    """
    if days == retention_days(created_by):
        return []
    alter = "ALTER TABLE sluice.event_log$on_cluster"
    if not days:
        return [f"{alter} REMOVE TTL"]
    return [
        f"{alter} MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1",
        f"{alter} MODIFY TTL toDateTime(source_timestamp) + toIntervalDay({days})",
    ]
