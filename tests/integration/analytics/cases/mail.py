"""E-mail: what is sent, opened, clicked."""

from __future__ import annotations

from tests.integration.analytics.case import Case, event

from sluice.contract.event import Outcome

SPRING, SUMMER = {"mail": "spring"}, {"mail": "summer"}

CASES = (
    Case(
        "E-mail: sent, opened, clicked",
        [
            *[event("2026-03-01 21:00", "email_sent", visitor=visitor, properties=SPRING) for visitor in range(5, 9)],
            *[event("2026-03-02 07:00", "email_open", visitor=visitor, properties=SPRING) for visitor in range(5, 9)],
            *[event("2026-03-02 10:00", "email_sent", visitor=visitor, properties=SPRING) for visitor in range(1, 5)],
            event("2026-03-02 10:01", "email_sent", visitor=4, properties=SPRING),
            event("2026-03-02 11:00", "email_open", visitor=1, properties=SPRING),
            event("2026-03-02 12:00", "email_open", visitor=1, properties=SPRING),
            event("2026-03-02 12:01", "email_open", visitor=3, properties=SPRING, outcome=Outcome.THROTTLED),
            event("2026-03-03 11:00", "email_open", visitor=2, properties=SPRING),
            event("2026-03-03 11:01", "email_click", visitor=2, properties=SPRING),
            event("2026-03-03 11:02", "email_click", visitor=2, properties=SPRING),
            event("2026-03-03 11:01", "email_open", visitor=2, properties=SUMMER),
            event("2026-03-03 11:01", "email_open", visitor=2),
            *[event("2026-03-03 12:00", "email_click", visitor=visitor, properties=SPRING) for visitor in (3, 4)],
            *[event("2026-03-03 13:00", f"email_{what}", visitor=0, properties=SPRING) for what in ("sent", "open")],
        ],
        """
        spring | 4 | 6 | 3 | 50 | 16.7
        summer | 0 | 1 | 0 | NULL | 0
        """,
    ),
    Case(
        "Repeated opens that were left out",
        [
            event("2026-03-02 10:00", "email_open"),
            event("2026-03-02 10:10", "email_open", outcome=Outcome.THROTTLED),
            event("2026-03-02 10:19:59.999", "email_open", outcome=Outcome.THROTTLED),
            event("2026-03-02 10:20", "email_open"),
            event("2026-03-02 10:30", "email_open", outcome=Outcome.BOT),
            event("2026-03-02 10:40", "email_open", outcome=Outcome.DUPLICATE),
            event("2026-03-03 10:00", "email_open"),
            event("2026-03-03 10:00", "email_click"),
        ],
        """
        2026-03-02 | 2 | 2
        2026-03-03 | 1 | 0
        """,
    ),
)
