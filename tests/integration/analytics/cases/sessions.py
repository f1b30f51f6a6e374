"""Sessions: how long, how far, with what."""

from __future__ import annotations

from typing import Any

from tests.integration.analytics.case import Case, event, order

DESKTOP: dict[str, Any] = {"device_type": "desktop", "browser": "Chrome", "os": "Windows"}
MOBILE: dict[str, Any] = {"device_type": "mobile", "browser": "Safari", "os": "iOS"}

CASES = (
    Case(
        "Sessions by day",
        [
            event("2026-03-02 10:10", session_id="long"),
            event("2026-03-02 10:00", session_id="long"),
            event("2026-03-02 10:05", session_id="long"),
            event("2026-03-02 12:00", session_id="bounces"),
            event("2026-03-02 13:00", session_id="short"),
            event("2026-03-02 13:01", session_id="short"),
            event("2026-03-03 23:50", session_id="past midnight"),
            event("2026-03-04 00:10", session_id="past midnight"),
            event("2026-03-05 10:00"),
            event("2026-03-06 10:00", session_id="bounces, too"),
            order("2026-03-06 11:00", "order-1", 10, session_id="only orders"),
            event("2026-03-07 10:00", "email_open", session_id="only mails"),
        ],
        """
        2026-03-02 | 3 | 60 | 2 | 33.3
        2026-03-03 | 1 | 1200 | 2 | 0
        2026-03-06 | 2 | 0 | 0.5 | 100
        2026-03-07 | 1 | 0 | 0 | NULL
        """,
    ),
    Case(
        "Which days bring orders",
        [
            event("2026-03-02 10:00", session_id="orders twice"),
            order("2026-03-02 10:01", "order-1", 10, session_id="orders twice"),
            order("2026-03-02 10:02", "order-2", 10, session_id="orders twice"),
            event("2026-03-02 11:00", session_id="looks"),
            event("2026-03-02 12:00", session_id="looks, too"),
            event("2026-03-03 23:59", session_id="orders past midnight"),
            order("2026-03-04 00:01", "order-3", None, session_id="orders past midnight"),
        ],
        """
        2026-03-02 | 3 | 1 | 33.33
        2026-03-03 | 1 | 1 | 100
        """,
    ),
    Case(
        "Devices, browsers and systems",
        [
            event("2026-03-02 10:00", session_id="orders", **DESKTOP),
            order("2026-03-02 10:05", "order-1", 10, session_id="orders"),
            order("2026-03-02 10:06", "order-2", 10, session_id="orders"),
            event("2026-03-02 11:00", session_id="looks", **DESKTOP),
            event("2026-03-02 12:00", session_id="looks on the way", **MOBILE),
        ],
        """
        desktop | Chrome | Windows | 2 | 66.7 | 50
        mobile | Safari | iOS | 1 | 33.3 | 0
        """,
    ),
    Case(
        "Countries",
        [
            event("2026-03-02 10:00", session_id="orders", country="DE"),
            order("2026-03-02 10:05", "order-1", 10, session_id="orders", country="DE"),
            event("2026-03-03 10:00", session_id="comes back", country="DE"),
            event("2026-03-03 11:00", session_id="of nobody", country="DE", visitor=0),
            event("2026-03-03 10:00", session_id="abroad", country="US", visitor=2),
            event("2026-03-03 10:00", session_id="somewhere", visitor=3),
        ],
        """
        DE | 3 | 1 | 1
        '' | 1 | 1 | 0
        US | 1 | 1 | 0
        """,
    ),
)
