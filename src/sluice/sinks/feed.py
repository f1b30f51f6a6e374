"""What is asked of ClickHouse to pass blocks of the event log on to the roll-ups. Pure.

`sluice.feed` keeps nothing; each materialized view `feed_<x>` on it writes to the table `rollup_<x>`. With its rows a
block brings a marker, which says up to where the table has been fed, and both come in one part: so a table that has
the marker has the block. Only the roll-ups that lack a block take it.

Two that feed the same block at once are held apart by the statement's token, which each table knows. That holds only
if ClickHouse always sees the block as one chunk: the token of several chunks put together is made of all their
numbers, and after a merge the block's rows come in other chunks. So they are sorted, which gathers them whatever part
they stand in, and everything that could cut the sorted block is switched off. See docs/decisions/0006-ledger.md.
"""

from __future__ import annotations

import re
from string import Template
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

COLUMNS = "SELECT name, type FROM system.columns WHERE database = 'sluice' AND table = 'feed' ORDER BY position"
"""Asks for the columns that the roll-ups are fed with now, and their types."""

ROLLUPS = r"""
SELECT groupArray(substring(name, 6)) FROM system.tables
WHERE database = 'sluice' AND engine = 'MaterializedView' AND name LIKE 'feed\_%'
"""
"""Asks for the names of the roll-ups that are fed now, in one array: `feed_<x>` writes to `rollup_<x>`."""

BLOCK = """
source_topic = {topic_id:UUID} AND source_partition = {partition:UInt32}
    AND block_first = {first:UInt64} AND source_offset BETWEEN {first:UInt64} AND {last:UInt64}
"""
"""The rows of the event log that are one block; takes the parameters `topic_id`, `partition`, `first` and `last`."""

# A table that is fed once a second has many small parts. In most of them no `fed` is high enough, and their column
# project, which costs the most, is not read; in large ones the key finds the few rows of the topic.
_FED = Template("""
SELECT '$name', max(fed) FROM sluice.rollup_$name
PREWHERE fed > {first:UInt64} AND fed_partition = {partition:UInt32}
WHERE project = toString({topic_id:UUID})
""")

VIEW = "SELECT as_select FROM system.tables WHERE database = 'sluice' AND name = {view:String}"
"""Asks for the SELECT by which a materialized view adds up what it is fed; takes the parameter `view`, its name."""

_FROM_FEED = re.compile(r"\bFROM sluice\.feed\b")

_STATEMENT = Template("""
INSERT INTO sluice.feed ($columns)
SELECT * FROM $rows ORDER BY source_offset, source_line
""")

_ROWS = Template("""
(
    SELECT $events FROM sluice.event_log WHERE $where
    UNION ALL
    SELECT $markers FROM sluice.event_log WHERE $where GROUP BY source_topic, source_partition
)
""")

# No project is called like a topic, and no outcome 'fed': so a marker shares its key with other markers alone.
_MARKER = {
    "project": "toString(source_topic)",
    "event_type": "toString(source_partition)",
    "session_id": "toString(source_partition)",
    "visitor_id": "source_partition",
    "outcome": "'fed'",
    "source_partition": "source_partition",
    "source_offset": "max(source_offset)",
    "source_timestamp": "max(source_timestamp)",
}

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


def fed(rollups: Collection[str]) -> str:
    """Give the question for each roll-up's name and the raw offset to be fed next; 0 if that is not beyond `first`.

    Its parameters are `topic_id`, `partition`, and the block's `first` source offset.
    """
    return "UNION ALL".join(_FED.substitute(name=name) for name in rollups)


def statement(columns: Mapping[str, str], lacking: Collection[str]) -> str:
    """Give the statement that passes a block on to the roll-ups that lack it.

    Its parameters are those of `BLOCK`.
    """
    return _STATEMENT.substitute(columns=", ".join(columns), rows=rows(columns, lacking, BLOCK))


def rows(columns: Mapping[str, str], lacking: Collection[str], where: str) -> str:
    """Give, as a table in SQL, the event log's rows `where` a condition holds, with the feed's `columns`.

    After them come markers: for each topic and partition one, which stands for its last row. Of the roll-ups only
    those that are `lacking` take either.
    """
    names = ", ".join(f"'{name}'" for name in lacking)
    takers = {"lacking": f"[{names}]"}
    events = [f"{takers[name]} AS {name}" if name in takers else name for name in columns]
    markers = [_in_marker(takers | _MARKER, name, type_name) for name, type_name in columns.items()]
    return _ROWS.substitute(events=", ".join(events), markers=", ".join(markers), where=where)


def asking(rows: str, select: str) -> str:
    """Give a view's SELECT as it adds up these `rows`, a table in SQL, and not the feed.

    Raises `Unusable` where it does not ask the feed, once.
    """
    instead, times = _FROM_FEED.subn(lambda _: f"FROM {rows}", select)
    if times != 1:
        raise Unusable(f"a roll-up cannot be filled: its view asks sluice.feed {times} times, not once")
    return instead


def _in_marker(given: Mapping[str, str], name: str, type_name: str) -> str:
    quoted = type_name.replace("'", "\\'")
    return f"CAST({given[name]} AS {type_name})" if name in given else f"defaultValueOfTypeName('{quoted}')"
