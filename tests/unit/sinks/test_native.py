"""The event log's rows in ClickHouse's format Native: what has no place in its column is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lz4.frame
import msgspec
import pytest
from tests.factories import processed_line

from sluice.contract.errors import Reject
from sluice.sinks.columns import NAMES
from sluice.sinks.native import encode

if TYPE_CHECKING:
    from sluice.contract.processed import Processed


def with_event(**changes: Any) -> Processed:
    line = processed_line()
    return msgspec.structs.replace(line, event=msgspec.structs.replace(line.event, **changes))


def test_a_block_of_the_format_says_first_how_many_columns_and_rows_it_has():
    block = lz4.frame.decompress(encode([processed_line(n) for n in range(3)], 0))
    assert (block[0], block[1]) == (len(NAMES), 3)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        pytest.param(processed_line(replay=65_536), "replay", id="too large for UInt16"),
        pytest.param(with_event(visitor_id=2**64), "visitor_id", id="too large for UInt64"),
        pytest.param(with_event(timestamp=2**63), "timestamp", id="a time too large for 64 bits"),
        pytest.param(with_event(value=10**400), "value", id="too large for a float"),
        pytest.param(with_event(url="\ud800"), "url", id="a lone surrogate"),
        pytest.param(with_event(country="\ud800"), "country", id="a lone surrogate in a dictionary"),
        pytest.param(with_event(properties={"a": "\udfff"}), "properties", id="a lone surrogate in a map"),
        pytest.param(with_event(url=None), "url", id="none"),
    ],
)
def test_a_value_without_a_place_in_its_column_is_refused_alone_and_among_others(line: Processed, column: str):
    for lines in ([line], [processed_line(1), line], [line, processed_line(1)]):
        with pytest.raises(Reject, match=f"column {column}: "):
            encode(lines, 0)


def test_an_id_that_is_no_uuid_is_refused():
    with pytest.raises(Reject, match="UUID"):
        encode([with_event(event_id="1")], 0)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(processed_line(replay=65_535), id="the largest UInt16"),
        pytest.param(with_event(visitor_id=2**64 - 1), id="the largest UInt64"),
        pytest.param(with_event(value=float("nan")), id="not a number"),
        pytest.param(with_event(url="\0\U0010ffff"), id="the first and the last character"),
    ],
)
def test_values_at_their_limits_are_taken(line: Processed):
    assert encode([line], 0)
