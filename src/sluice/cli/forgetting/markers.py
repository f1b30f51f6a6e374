"""Up to where a roll-up has been fed, by its own markers: that much of the event log it has, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Markers = Mapping[str, int]
"""Up to which raw offset a roll-up has been fed, by "topic/partition"."""

MARKERS = "maxMap(if(fed > 0, map(concat(project, '/', toString(fed_partition)), fed), map()))"
"""Gives the markers among rows of a roll-up, in SQL."""

FED = """
    source_offset < mapFromArrays({places:Array(String)}, {fed:Array(UInt64)})
        [concat(toString(source_topic), '/', toString(source_partition))]
"""
"""The rows of the event log that a roll-up has been fed, in SQL; takes the parameters that `bound` gives."""

AS_OFTEN_AS_SENT = "deduplicate_insert = 'disable'"
"""Settings of a statement that puts rows back: ClickHouse leaves out none because it was put in before."""


def bound(markers: Markers) -> dict[str, Sequence[str] | Sequence[int]]:
    """Give the parameters of `FED`."""
    return {"places": list(markers), "fed": list(markers.values())}
