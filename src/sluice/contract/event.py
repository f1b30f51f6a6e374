"""The canonical event: what one event is after its dialect has been read, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
"""A UUID in its canonical form."""

LATEST_MS = 10_413_791_999_999
"""The last millisecond of the year 2299, which is as far as ClickHouse's DateTime64 reaches."""

Millis = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]
"""Milliseconds since 1970 in UTC."""


class Api(StrEnum):
    """The five HTTP APIs, by the name that the column `api` shows."""

    PULSE = "pulse"
    EVENTS = "events"
    INGEST = "ingest"
    CLIENT = "client"
    USER_EVENT = "user_event"


class Outcome(StrEnum):
    """What became of an accepted event. Everything but `stored` shows in `sluice.rejected_events`."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    THROTTLED = "throttled"
    BOT = "bot"
    INVALID = "invalid"


class Stage(StrEnum):
    """Where an event that was not stored was rejected; empty for one that was."""

    NONE = ""
    PROCESSOR = "processor"
    SINK = "sink"


class Consent(StrEnum):
    """Whether the person consented to tracking, as far as the API says."""

    UNKNOWN = "unknown"
    DENIED = "denied"
    GRANTED = "granted"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event in the one shape that all dialects are brought to.

    Field names are the column names of `sluice.event_log`; an empty string is "not given".

    `timestamp` and `received_at` are milliseconds since 1970 in UTC: when it happened, and when the gateway
    took it. `visitor_id` is a keyed 64-bit hash of the user, else of the anonymous id, else of nothing (0).
    `value` is in units of `currency`. `properties` holds strings as they are and everything else as JSON text.
    """

    event_id: Uuid
    request_id: str
    event_type: str
    timestamp: Millis
    received_at: Millis
    site_id: str = ""
    user_id: str = ""
    visitor_id: Annotated[int, msgspec.Meta(ge=0)] = 0
    anonymous_id: str = ""
    session_id: str = ""
    url: str = ""
    page_title: str = ""
    referrer: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    country: str = ""
    device_type: str = ""
    browser: str = ""
    os: str = ""
    ip: str = ""
    user_agent: str = ""
    consent: Consent = Consent.UNKNOWN
    order_id: str = ""
    value: float | None = None
    currency: str = ""
    properties: dict[str, str] = {}
