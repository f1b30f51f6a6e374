"""The statement that passes one block of the event log on to the roll-ups.

`sluice.feed` keeps nothing; the materialized views on it write to one table each, which drops what it has by the
statement's token. That holds only if ClickHouse always sees the block as one chunk: the token of several chunks put
together is made of all their numbers, and after a merge the block's rows come in other chunks. So they are sorted,
which gathers them whatever part they stand in, and everything that could cut the sorted block is switched off.
See docs/decisions/0006-ledger.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = "SELECT name FROM system.columns WHERE database = 'sluice' AND table = 'feed' ORDER BY position"
"""Asks for the columns that the roll-ups are fed with now."""

_STATEMENT = """
INSERT INTO sluice.feed ($columns)
SELECT $columns
FROM sluice.event_log
WHERE source_topic = {topic_id:UUID} AND source_partition = {partition:UInt32}
    AND block_first = {first:UInt64} AND source_offset BETWEEN {first:UInt64} AND {last:UInt64}
ORDER BY source_offset, source_line
"""

SETTINGS: dict[str, str | int] = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_block_size": 1_000_000,
    "optimize_read_in_order": 0,
    "max_bytes_before_external_sort": 0,
    "max_bytes_ratio_before_external_sort": 0,
    "prefer_external_sort_block_bytes": 0,
    "group_by_two_level_threshold": 0,
    "group_by_two_level_threshold_bytes": 0,
    "deduplicate_insert": "enable",
    "deduplicate_insert_select": "force_enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "parallel_view_processing": 0,
    "materialized_views_ignore_errors": 0,
    "async_insert": 0,
    "wait_end_of_query": 1,
}
"""What keeps the block in one piece, and makes each roll-up take it once."""


def statement(columns: Sequence[str]) -> str:
    """Give the statement for these columns.

    Its parameters are `topic_id`, `partition`, and the block's `first` and `last` source offset.
    """
    return _STATEMENT.replace("$columns", ", ".join(columns))
