"""What of a row is personal: each column of `sluice.event_log`, and what becomes of it. Pure.

A row stays, with where it came from and what became of it, so that the account and the sinks' ledger stay exact. No
column of a key can be changed (ClickHouse's error 420); docs/privacy.md says why each one stays or goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.event import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

FORGOTTEN = "forgotten"
"""The reason of a rejected event that was forgotten, and how the name begins that its session gets."""

SESSION_KEY = "sipHash64(project, site_id, session_id)"
"""The key of a session in `sluice.rollup_sessions`."""

_EMPTY = "''"

BLANKED: Mapping[str, str] = {
    "request_id": _EMPTY,
    "user_id": _EMPTY,
    "anonymous_id": _EMPTY,
    # Another name that tells nothing: the events of a session stay together, and sessions stay as many as they were.
    "session_id": f"if(session_id = '', '', concat('{FORGOTTEN}-', "
    "lower(hex(sipHash128Keyed({salt}, project, site_id, session_id)))))",
    "url": _EMPTY,
    "page_title": _EMPTY,
    "referrer": _EMPTY,
    "ip": _EMPTY,
    "user_agent": _EMPTY,
    "order_id": _EMPTY,
    "properties": "map()",
    "payload": _EMPTY,
    "raw_line": _EMPTY,
    "reason": f"if(outcome = '{Outcome.STORED}', '', '{FORGOTTEN}')",
    "changes_user": "false",
    "user_email": _EMPTY,
    "user_set": "map()",
    "user_unset": "[]",
}
"""What personal columns become, in SQL; `{salt}` is a key that nobody keeps."""

KEPT = frozenset(
    {
        # keys of the table, which cannot be changed
        "project",
        "site_id",
        "event_type",
        "timestamp",
        "visitor_id",
        # what the account and the ledger count
        "api",
        "event_id",
        "received_at",
        "outcome",
        "stage",
        "duplicate_of",
        "replay",
        "source_topic",
        "source_partition",
        "source_offset",
        "source_line",
        "source_timestamp",
        "block_first",
        # what many people share
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "country",
        "device_type",
        "browser",
        "os",
        "consent",
        "value",
        "currency",
    }
)
"""What is not personal, or cannot be changed."""

READABLE = "payload != ''"
"""A row that is not blanked: every event was sent as something."""
