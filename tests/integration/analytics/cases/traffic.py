"""Traffic: how much happens, and when."""

from __future__ import annotations

from tests.integration.analytics.case import Case, event

from sluice.contract.event import Api, Outcome

LIVE = {1: "1 | 1", 15: "3 | 2", 30: "1 | 0"}
"""What the minutes after ten show; the others nothing."""

CASES = (
    Case(
        "Traffic by day",
        [
            event("2026-03-01 23:59:59.999"),
            event("2026-03-02 00:00"),
            event("2026-03-02 10:00:59.999", "click"),
            event("2026-03-02 10:01", visitor=2),
            event("2026-03-02 10:01", outcome=Outcome.BOT, visitor=3),
            event("2026-03-02 10:01", site_id="other", visitor=4),
            event("2026-03-08 12:00", visitor=0),
            event("2026-03-08 23:59:59.999"),
            event("2026-03-09 00:00"),
        ],
        """
        2026-03-02 | 2 | 3 | 2
        2026-03-08 | 2 | 2 | 1
        """,
    ),
    Case(
        "The last half hour, minute by minute",
        [
            event("2026-03-02 10:00:59.999"),
            event("2026-03-02 10:01"),
            event("2026-03-02 10:15", visitor=1),
            event("2026-03-02 10:15:30", "click", visitor=1),
            event("2026-03-02 10:15:59.999", visitor=2),
            event("2026-03-02 10:20", outcome=Outcome.INVALID),
            event("2026-03-02 10:30:10", visitor=0),
            event("2026-03-02 10:31"),
        ],
        "\n".join(f"2026-03-02 10:{minute:02}:00 | {LIVE.get(minute, '0 | 0')}" for minute in range(1, 31)),
        {"now": "2026-03-02 10:30:00"},
    ),
    Case(
        "The busiest hours of the week",
        [
            event("2026-03-02 09:00"),
            event("2026-03-09 09:59:59.999"),
            event("2026-03-09 10:00", "click"),
            event("2026-03-09 09:30", outcome=Outcome.BOT),
            event("2026-03-15 23:30"),
            event("2026-03-16 09:00"),
        ],
        """
        1 | 9 | 2
        7 | 23 | 1
        """,
        {"to": "2026-03-15"},
    ),
    Case(
        "Growth from week to week",
        [
            event("2026-03-02 09:00"),
            event("2026-03-08 23:59"),
            event("2026-03-09 00:00"),
            event("2026-03-10 00:00"),
            event("2026-03-11 00:00"),
            event("2026-03-11 00:00", "click"),
            event("2026-03-11 00:00", outcome=Outcome.BOT),
            event("2026-03-16 00:00"),
            event("2026-03-23 00:00", "click"),
            event("2026-03-30 00:00"),
            event("2026-03-31 00:00"),
        ],
        """
        2026-03-02 | 2 | NULL | NULL
        2026-03-09 | 3 | 2 | 50
        2026-03-16 | 1 | 3 | -66.7
        2026-03-23 | 0 | 1 | -100
        2026-03-30 | 2 | 0 | NULL
        2026-04-06 | 0 | 2 | -100
        """,
        {"to": "2026-04-06"},
        asks_for_all_times=True,
    ),
    Case(
        "Which sites are there?",
        [
            event("2026-03-02 10:00", of_line={"api": Api.PULSE}),
            event("2026-03-02 11:30:20", of_line={"api": Api.PULSE}),
            event("2026-03-03 10:00", of_line={"api": Api.CLIENT}),
            event("2025-12-31 10:00", of_line={"api": Api.PULSE}, site_id="blog", outcome=Outcome.BOT),
            event("2026-03-01 10:00", of_line={"api": Api.INGEST}, site_id=""),
            event("2026-03-01 10:01", of_line={"api": Api.USER_EVENT}, site_id=""),
        ],
        """
        shop | ['client','pulse'] | 3 | 2026-03-02 | 2026-03-03 10:00:00
        '' | ['ingest','user_event'] | 2 | 2026-03-01 | 2026-03-01 10:01:00
        blog | ['pulse'] | 1 | 2025-12-31 | 2025-12-31 10:00:00
        """,
        asks_for_all_times=True,
        asks_for_all_sites=True,
    ),
    Case(
        "Active visitors: day, week, month",
        [
            event("2026-01-31 12:00", visitor=8),
            event("2026-02-01 12:00", visitor=9),
            event("2026-02-03 12:00", visitor=10),
            event("2026-02-24 12:00", visitor=12),
            event("2026-02-28 12:00", visitor=1),
            event("2026-03-01 12:00", visitor=11),
            event("2026-03-02 12:00", visitor=1),
            event("2026-03-02 13:00", visitor=1),
            event("2026-03-02 12:00", visitor=2),
            event("2026-03-05 12:00", visitor=3),
            event("2026-03-05 12:00", visitor=0),
            event("2026-03-08 12:00", visitor=1),
        ],
        """
        2026-03-02 | 2 | 4 | 6 | 33.3
        2026-03-05 | 1 | 4 | 5 | 20
        2026-03-08 | 1 | 3 | 5 | 20
        """,
        asks_for_all_times=True,
    ),
)
