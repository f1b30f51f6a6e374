"""Funnels: how far visitors get towards an order."""

from __future__ import annotations

from typing import Any

from tests.integration.analytics.case import Case, event, order

P1, P2, P3 = ({"product_id": f"p-{number}"} for number in (1, 2, 3))
DESKTOP: dict[str, Any] = {"device_type": "desktop"}
MOBILE: dict[str, Any] = {"device_type": "mobile"}
TABLET: dict[str, Any] = {"device_type": "tablet"}

CASES = (
    Case(
        "From product to order",
        [
            # To the end, after an attempt that led nowhere.
            event("2026-03-02 08:00", "product_view", visitor=1),
            event("2026-03-02 10:00", "product_view", visitor=1),
            event("2026-03-02 10:10", "add_to_cart", visitor=1),
            event("2026-03-02 10:20", "checkout", visitor=1),
            order("2026-03-02 11:00", "order-1", 10, visitor=1),
            # A millisecond too late for the checkout.
            event("2026-03-02 10:00", "product_view", visitor=2),
            event("2026-03-02 11:00", "add_to_cart", visitor=2),
            event("2026-03-02 11:00:00.001", "checkout", visitor=2),
            # In another order.
            event("2026-03-02 10:00", "product_view", visitor=3),
            event("2026-03-02 10:01", "checkout", visitor=3),
            event("2026-03-02 10:02", "add_to_cart", visitor=3),
            # To the checkout; without the first step; the first step alone; by nobody.
            event("2026-03-02 10:00", "product_view", visitor=6),
            event("2026-03-02 10:01", "add_to_cart", visitor=6),
            event("2026-03-02 10:02", "checkout", visitor=6),
            event("2026-03-02 10:00", "add_to_cart", visitor=4),
            event("2026-03-02 10:00", "product_view", visitor=5),
            event("2026-03-02 10:00", "product_view", visitor=0),
        ],
        "5 | 4 | 2 | 1",
    ),
    Case(
        "The same funnel by device",
        [
            event("2026-03-02 10:00", "product_view", visitor=1, **DESKTOP),
            event("2026-03-02 10:10", "add_to_cart", visitor=1, **DESKTOP),
            event("2026-03-02 10:20", "checkout", visitor=1, **DESKTOP),
            order("2026-03-02 11:00", "order-1", 10, visitor=1, **DESKTOP),
            # A millisecond too late for the cart.
            event("2026-03-02 10:00", "product_view", visitor=2, **DESKTOP),
            event("2026-03-02 11:00:00.001", "add_to_cart", visitor=2, **DESKTOP),
            # From one device to another after the first step, and an order that a server sends.
            event("2026-03-02 09:59", "add_to_cart", visitor=3, **TABLET),
            event("2026-03-02 10:00", "product_view", visitor=3, **MOBILE),
            event("2026-03-02 10:01", "product_view", visitor=3, **DESKTOP),
            event("2026-03-02 10:02", "add_to_cart", visitor=3, **DESKTOP),
            event("2026-03-02 10:03", "checkout", visitor=3, **DESKTOP),
            order("2026-03-02 10:04", "order-2", 10, visitor=3),
            event("2026-03-02 10:00", "add_to_cart", visitor=4, **TABLET),
            event("2026-03-02 10:00", "product_view", visitor=0, **DESKTOP),
            event("2026-03-02 10:00", "product_view", visitor=5, **TABLET),
        ],
        """
        desktop | 2 | 50 | 100 | 100
        mobile | 1 | 100 | 100 | 100
        tablet | 1 | 0 | NULL | NULL
        """,
    ),
    Case(
        "Products: from view to order",
        [
            event("2026-03-02 10:00", "product_view", session_id="orders", properties=P1),
            event("2026-03-02 10:01", "product_view", session_id="orders", properties=P1),
            event("2026-03-02 10:02", "product_view", session_id="orders", properties=P2),
            event("2026-03-02 10:03", "add_to_cart", session_id="orders", properties=P1),
            event("2026-03-02 10:03:30", "add_to_cart", session_id="orders", properties=P1),
            order("2026-03-02 10:04", "order-1", 10, session_id="orders"),
            event("2026-03-02 10:00", "product_view", session_id="looks", properties=P1),
            event("2026-03-02 10:01", "add_to_cart", session_id="looks", properties=P3),
            event("2026-03-02 10:02", "product_view", session_id="looks"),
            event("2026-03-02 10:00", "product_view", properties=P1),
        ],
        """
        p-1 | 2 | 1 | 1
        p-2 | 1 | 0 | 1
        p-3 | 0 | 1 | 0
        """,
    ),
    Case(
        "Products: from view to order",
        [
            event("2026-03-02 10:00", "product_view", session_id="1", properties=P1),
            event("2026-03-02 10:01", "add_to_cart", session_id="1", properties=P1),
            event("2026-03-02 10:02", "product_view", session_id="1", properties=P1, site_id="other"),
            event("2026-03-02 10:03", "add_to_cart", session_id="1", properties=P1, site_id="other"),
            order("2026-03-02 10:04", "order-1", 10, session_id="1", site_id="other"),
        ],
        "p-1 | 2 | 2 | 1",
        without_the_site=True,
    ),
    Case(
        "How many visits an order takes",
        [
            event("2026-03-01 10:00", session_id="1a"),
            event("2026-03-03 10:00", session_id="1b"),
            order("2026-03-05 10:00", "order-1", 10, session_id="1c"),
            order("2026-03-07 10:00", "order-2", 10, session_id="1d"),
            order("2026-03-04 10:00", "order-3", 10, session_id="2a", visitor=2),
            event("2026-03-02 10:00", session_id="3a", visitor=3),
            event("2026-03-02 11:00", session_id="3b", visitor=3),
            order("2026-03-03 10:00", "order-4", 10, session_id="3c", visitor=3),
            event("2026-03-03 10:00", session_id="4a", visitor=4),
            order("2026-02-20 10:00", "order-5", 10, session_id="5a", visitor=5),
            order("2026-03-04 10:00", "order-6", 10, session_id="of nobody", visitor=0),
            order("2026-03-04 10:00", "order-7", 10, visitor=6),
            *[event(f"2026-03-02 10:{minute}", session_id=f"7 at {minute}", visitor=7) for minute in range(10, 19)],
            order("2026-03-02 11:00", "order-8", 10, session_id="7 at last", visitor=7),
            *[event(f"2026-03-03 10:{minute}", session_id=f"8 at {minute}", visitor=8) for minute in range(10, 30)],
            order("2026-03-04 11:00", "order-9", 10, session_id="8 at last", visitor=8),
        ],
        """
        1 | 1 | 0
        3 | 2 | 2.5
        10 | 2 | 0.5
        """,
        asks_for_all_times=True,
    ),
)
