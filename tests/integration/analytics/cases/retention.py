"""Retention: who comes back."""

from __future__ import annotations

from tests.integration.analytics.case import Case, event

CASES = (
    Case(
        "New and returning visitors",
        [
            event("2026-02-20 10:00", visitor=1),
            event("2026-03-02 10:00", visitor=1),
            event("2026-03-02 11:00", visitor=1),
            event("2026-03-02 10:00", visitor=2),
            event("2026-03-03 10:00", visitor=2),
            event("2026-03-03 10:00", visitor=3),
            event("2026-03-03 10:00", visitor=0),
            event("2026-03-09 10:00", visitor=3),
        ],
        """
        2026-03-02 | 1 | 1
        2026-03-03 | 1 | 1
        """,
        asks_for_all_times=True,
    ),
    Case(
        "Weekly cohorts",
        [
            event("2026-03-02 10:00", visitor=1),
            event("2026-03-04 10:00", visitor=1),
            event("2026-03-10 10:00", visitor=1),
            event("2026-03-08 23:59", visitor=2),
            event("2026-03-23 00:00", visitor=2),
            event("2026-03-09 00:00", visitor=3),
            event("2026-03-01 23:59", visitor=4),
            event("2026-03-05 10:00", visitor=4),
        ],
        """
        2026-03-02 | 0 | 2 | 100
        2026-03-02 | 1 | 1 | 50
        2026-03-02 | 3 | 1 | 50
        2026-03-09 | 0 | 1 | 100
        """,
        {"from": "2026-03-04", "to": "2026-03-15"},
        asks_for_all_times=True,
    ),
    Case(
        "Who is back after a day, a week, a month",
        [
            event("2026-03-02 10:00", visitor=1),
            event("2026-03-03 10:00", visitor=1),
            event("2026-03-09 10:00", visitor=1),
            event("2026-04-01 10:00", visitor=1),
            event("2026-03-02 10:00", visitor=2),
            event("2026-03-04 10:00", visitor=2),
            event("2026-03-05 10:00", visitor=3),
            event("2026-03-12 10:00", visitor=3),
            event("2026-03-01 10:00", visitor=4),
            event("2026-03-02 10:00", visitor=4),
        ],
        """
        2026-03-02 | 2 | 1 | 1 | 1
        2026-03-05 | 1 | 0 | 1 | 0
        """,
        asks_for_all_times=True,
    ),
)
