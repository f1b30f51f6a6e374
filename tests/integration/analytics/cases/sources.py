"""Sources: what leads visitors here, and what it brings."""

from __future__ import annotations

from typing import Any

from tests.integration.analytics.case import Case, event, order

SALE: dict[str, Any] = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "sale"}
WEEKLY: dict[str, Any] = {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "weekly"}
SOCIAL: dict[str, Any] = {"utm_source": "facebook", "utm_medium": "social", "utm_campaign": "sale"}
PAGE = "https://shop.example/"

CASES = (
    Case(
        "Where sessions come from",
        [
            event("2026-03-02 10:00", session_id="typed", url=PAGE),
            event("2026-03-02 10:01", session_id="typed", url=f"{PAGE}a", referrer=PAGE),
            order("2026-03-02 10:02", "order-1", 10, session_id="typed"),
            event("2026-03-02 11:00", session_id="searched", url=PAGE, referrer="https://www.google.com/"),
            event("2026-03-02 12:00", session_id="searched more", url=PAGE, referrer="https://google.com/search"),
            event("2026-03-02 12:01", session_id="searched more", url=PAGE),
            event("2026-03-02 14:00", session_id="goes on", url=PAGE, referrer="https://www.shop.example/a"),
            order("2026-03-02 15:00", "order-2", 10, session_id="sees nothing", url=PAGE),
            order(
                "2026-03-02 16:00", "order-3", 10, session_id="pays there", url=PAGE, referrer="https://pay.example/"
            ),
        ],
        """
        direct | 2 | 0 | 2
        google.com | 2 | 50 | 0
        pay.example | 1 | NULL | 1
        """,
    ),
    Case(
        "Campaigns",
        [
            event("2026-03-02 10:00", session_id="orders", **SALE),
            event("2026-03-02 10:01", session_id="orders", **WEEKLY),
            order("2026-03-02 10:02", "order-1", 20, session_id="orders"),
            event("2026-03-03 10:00", session_id="looks", **SALE),
            event("2026-03-03 11:00", session_id="of nobody", visitor=0, **SALE),
            order("2026-03-02 10:00", "order-2", 5, "USD", session_id="pays in dollars", visitor=2, **WEEKLY),
            event("2026-03-02 10:00", session_id="comes alone", visitor=3),
            event("2026-03-09 10:00", session_id="comes later", visitor=4, **SALE),
        ],
        """
        google | cpc | sale | 3 | 1 | 1 | 20
        newsletter | email | weekly | 1 | 1 | 1 | 0
        """,
        {"currency": "EUR"},
    ),
    Case(
        "Attribution by first and by last touch",
        [
            event("2026-02-01 10:00", session_id="first", **SALE),
            event("2026-03-01 10:00", session_id="second", **WEEKLY),
            order("2026-03-03 10:00", "order-1", 30, session_id="third"),
            order("2026-03-04 10:00", "order-2", 10, session_id="fourth", **SOCIAL),
            order("2026-03-05 10:00", "order-3", 7, session_id="of another", visitor=2),
            order("2026-03-09 10:00", "order-4", 99, session_id="later", visitor=3, **SALE),
            event("2026-03-05 10:00", session_id="only looks", visitor=4, **SALE),
            order("2026-03-03 10:00", "order-5", 99, session_id="of nobody", visitor=0),
            order("2026-03-03 10:00", "order-6", 99),
            order("2026-03-03 10:01", "order-7", 99, "USD", session_id="third"),
            event("2026-03-03 11:00", session_id="between", utm_source="names it first", visitor=5),
            event("2026-03-03 11:01", session_id="between", utm_source="names it later", visitor=5),
            order("2026-03-03 11:02", "order-8", 1, session_id="between", visitor=5),
        ],
        """
        first touch | google | 3 | 40
        first touch | (none) | 1 | 7
        first touch | names it first | 1 | 1
        last touch | newsletter | 2 | 30
        last touch | facebook | 1 | 10
        last touch | (none) | 1 | 7
        last touch | names it first | 1 | 1
        """,
        {"currency": "EUR"},
        asks_for_all_times=True,
    ),
)
