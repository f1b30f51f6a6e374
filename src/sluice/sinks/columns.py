"""The columns of `sluice.event_log`, and a block's lines turned into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from sluice.contract.processed import UserChange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sluice.contract.processed import Processed

_NO_CHANGE = UserChange()


def _change(line: Processed) -> UserChange:
    return line.user_change or _NO_CHANGE


def _raw_line(line: Processed) -> bytes:
    return b"" if line.raw_line is msgspec.UNSET else bytes(line.raw_line)


# In the table's order: name, ClickHouse type, and the value of one line; DateTime64(3) takes milliseconds since 1970.
_COLUMNS: tuple[tuple[str, str, Callable[[Processed], Any]], ...] = (
    ("project", "LowCardinality(String)", lambda line: line.project),
    ("api", "LowCardinality(String)", lambda line: line.api),
    ("event_type", "LowCardinality(String)", lambda line: line.event.event_type),
    ("event_id", "UUID", lambda line: UUID(line.event.event_id)),
    ("timestamp", "DateTime64(3, 'UTC')", lambda line: line.event.timestamp),
    ("received_at", "DateTime64(3, 'UTC')", lambda line: line.event.received_at),
    ("request_id", "String", lambda line: line.event.request_id),
    ("site_id", "LowCardinality(String)", lambda line: line.event.site_id),
    ("user_id", "String", lambda line: line.event.user_id),
    ("visitor_id", "UInt64", lambda line: line.event.visitor_id),
    ("anonymous_id", "String", lambda line: line.event.anonymous_id),
    ("session_id", "String", lambda line: line.event.session_id),
    ("url", "String", lambda line: line.event.url),
    ("page_title", "String", lambda line: line.event.page_title),
    ("referrer", "String", lambda line: line.event.referrer),
    ("utm_source", "LowCardinality(String)", lambda line: line.event.utm_source),
    ("utm_medium", "LowCardinality(String)", lambda line: line.event.utm_medium),
    ("utm_campaign", "LowCardinality(String)", lambda line: line.event.utm_campaign),
    ("country", "LowCardinality(String)", lambda line: line.event.country),
    ("device_type", "LowCardinality(String)", lambda line: line.event.device_type),
    ("browser", "LowCardinality(String)", lambda line: line.event.browser),
    ("os", "LowCardinality(String)", lambda line: line.event.os),
    ("ip", "String", lambda line: line.event.ip),
    ("user_agent", "String", lambda line: line.event.user_agent),
    ("consent", "LowCardinality(String)", lambda line: line.event.consent.value),
    ("order_id", "String", lambda line: line.event.order_id),
    ("value", "Nullable(Float64)", lambda line: line.event.value),
    ("currency", "LowCardinality(String)", lambda line: line.event.currency),
    ("properties", "Map(String, String)", lambda line: line.event.properties),
    ("payload", "String", lambda line: line.payload_bytes()),
    ("raw_line", "String", _raw_line),
    ("outcome", "LowCardinality(String)", lambda line: line.outcome.value),
    ("stage", "LowCardinality(String)", lambda line: line.stage.value),
    ("reason", "String", lambda line: line.reason),
    ("duplicate_of", "Nullable(UUID)", lambda line: UUID(line.duplicate_of) if line.duplicate_of else None),
    ("replay", "UInt16", lambda line: line.replay),
    ("changes_user", "Bool", lambda line: line.user_change is not None),
    ("user_email", "String", lambda line: _change(line).email),
    ("user_set", "Map(String, String)", lambda line: _change(line).attributes_with(line.event.properties)),
    ("user_unset", "Array(String)", lambda line: _change(line).unset),
    ("source_topic", "UUID", lambda line: UUID(line.source.topic)),
    ("source_partition", "UInt32", lambda line: line.source.partition),
    ("source_offset", "UInt64", lambda line: line.source.offset),
    ("source_line", "UInt32", lambda line: line.source.line),
    ("source_timestamp", "DateTime64(3, 'UTC')", lambda line: line.source.timestamp),
)

NAMES: tuple[str, ...] = (*(name for name, _, _ in _COLUMNS), "block_first")
"""The names of the columns that an insert names, in order."""

TYPES: tuple[str, ...] = (*(kind for _, kind, _ in _COLUMNS), "UInt64")
"""The ClickHouse types of those columns."""


def columns(lines: Sequence[Processed], block_first: int) -> list[list[Any]]:
    """Turn lines into one list of values for each column, in the order of `NAMES`."""
    return [*([value(line) for line in lines] for _, _, value in _COLUMNS), [block_first] * len(lines)]
