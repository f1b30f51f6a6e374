"""Up to where a roll-up has been fed, by its own markers: that much of the event log it has, and nothing more.

What stands below them can be added up anew as the roll-up does; what stands above, sinks bring by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sluice.sinks import feed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.cli.reading.clickhouse import ClickHouse

Markers = Mapping[str, int]
"""Up to which raw offset a roll-up has been fed, by "topic/partition"."""

MARKERS = "maxMap(if(fed > 0, map(concat(project, '/', toString(fed_partition)), fed), map()))"
"""Gives the markers among rows of a roll-up, in SQL."""

_OF_ROLLUP = "SELECT {markers} FROM sluice.rollup_{rollup} WHERE fed > 0"

FED = """
    source_offset < mapFromArrays({places:Array(String)}, {fed:Array(UInt64)})
        [concat(toString(source_topic), '/', toString(source_partition))]
"""
"""The rows of the event log that a roll-up has been fed, in SQL; takes the parameters that `bound` gives."""

_ROWS = "(SELECT *, ['{rollup}'] AS lacking FROM sluice.event_log WHERE ({where}) AND {fed})"

AS_OFTEN_AS_SENT = "deduplicate_insert = 'disable'"
"""Settings of a statement that puts rows back: ClickHouse leaves out none because it was put in before."""


async def markers_of(clickhouse: ClickHouse, rollup: str) -> Markers:
    """Give up to where a roll-up has been fed."""
    [[markers]] = await clickhouse.ask(_OF_ROLLUP.format(markers=MARKERS, rollup=rollup))
    found: Markers = markers
    return found


async def added_up(clickhouse: ClickHouse, rollup: str, where: str) -> str:
    """Give the SELECT by which a roll-up adds up the rows of the event log `where` a condition holds, and it was fed.

    It takes the parameters that `bound` gives.
    """
    [[view]] = await clickhouse.ask(feed.VIEW, view=f"feed_{rollup}")
    return feed.asking(_ROWS.format(rollup=rollup, where=where, fed=FED), view)


def bound(markers: Markers) -> dict[str, Sequence[str] | Sequence[int]]:
    """Give the parameters of `FED`."""
    return {"places": list(markers), "fed": list(markers.values())}
