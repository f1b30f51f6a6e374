"""The columns of `sluice.event_log`, and a block's lines turned into them."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from sluice.contract.processed import UserChange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sluice.contract.processed import Processed

_NO_CHANGE = UserChange()
_topic_uuid = lru_cache(maxsize=64)(UUID)


def _change(line: Processed) -> UserChange:
    return line.user_change or _NO_CHANGE


def _raw_line(line: Processed) -> bytes:
    return b"" if line.raw_line is msgspec.UNSET else bytes(line.raw_line)


# In the table's order: name, ClickHouse type, and the value of one line; DateTime64(3) takes milliseconds since 1970.
_COLUMNS: tuple[tuple[str, str, Callable[[Processed], Any]], ...] = (
    ("project", "LowCardinality(String)", attrgetter("project")),
    ("api", "LowCardinality(String)", attrgetter("api")),
    ("event_type", "LowCardinality(String)", attrgetter("event.event_type")),
    ("event_id", "UUID", lambda line: UUID(line.event.event_id)),
    ("timestamp", "DateTime64(3, 'UTC')", attrgetter("event.timestamp")),
    ("received_at", "DateTime64(3, 'UTC')", attrgetter("event.received_at")),
    ("request_id", "String", attrgetter("event.request_id")),
    ("site_id", "LowCardinality(String)", attrgetter("event.site_id")),
    ("user_id", "String", attrgetter("event.user_id")),
    ("visitor_id", "UInt64", attrgetter("event.visitor_id")),
    ("anonymous_id", "String", attrgetter("event.anonymous_id")),
    ("session_id", "String", attrgetter("event.session_id")),
    ("url", "String", attrgetter("event.url")),
    ("page_title", "String", attrgetter("event.page_title")),
    ("referrer", "String", attrgetter("event.referrer")),
    ("utm_source", "LowCardinality(String)", attrgetter("event.utm_source")),
    ("utm_medium", "LowCardinality(String)", attrgetter("event.utm_medium")),
    ("utm_campaign", "LowCardinality(String)", attrgetter("event.utm_campaign")),
    ("country", "LowCardinality(String)", attrgetter("event.country")),
    ("device_type", "LowCardinality(String)", attrgetter("event.device_type")),
    ("browser", "LowCardinality(String)", attrgetter("event.browser")),
    ("os", "LowCardinality(String)", attrgetter("event.os")),
    ("ip", "String", attrgetter("event.ip")),
    ("user_agent", "String", attrgetter("event.user_agent")),
    ("consent", "LowCardinality(String)", attrgetter("event.consent.value")),
    ("order_id", "String", attrgetter("event.order_id")),
    ("value", "Nullable(Float64)", attrgetter("event.value")),
    ("currency", "LowCardinality(String)", attrgetter("event.currency")),
    ("properties", "Map(String, String)", attrgetter("event.properties")),
    ("payload", "String", methodcaller("payload_bytes")),
    ("raw_line", "String", _raw_line),
    ("outcome", "LowCardinality(String)", attrgetter("outcome.value")),
    ("stage", "LowCardinality(String)", attrgetter("stage.value")),
    ("reason", "String", attrgetter("reason")),
    ("duplicate_of", "Nullable(UUID)", lambda line: UUID(line.duplicate_of) if line.duplicate_of else None),
    ("replay", "UInt16", attrgetter("replay")),
    ("changes_user", "Bool", lambda line: line.user_change is not None),
    ("user_email", "String", lambda line: _change(line).email),
    ("user_set", "Map(String, String)", lambda line: _change(line).attributes_with(line.event.properties)),
    ("user_unset", "Array(String)", lambda line: _change(line).unset),
    ("source_topic", "UUID", lambda line: _topic_uuid(line.source.topic)),
    ("source_partition", "UInt32", attrgetter("source.partition")),
    ("source_offset", "UInt64", attrgetter("source.offset")),
    ("source_line", "UInt32", attrgetter("source.line")),
    ("source_timestamp", "DateTime64(3, 'UTC')", attrgetter("source.timestamp")),
)

NAMES: tuple[str, ...] = (*(name for name, _, _ in _COLUMNS), "block_first")
"""The names of the columns that an insert names, in order."""

TYPES: tuple[str, ...] = (*(kind for _, kind, _ in _COLUMNS), "UInt64")
"""The ClickHouse types of those columns."""


def columns(lines: Sequence[Processed], block_first: int) -> list[list[Any]]:
    """Turn lines into one list of values for each column, in the order of `NAMES`."""
    return [*(list(map(value, lines)) for _, _, value in _COLUMNS), [block_first] * len(lines)]
