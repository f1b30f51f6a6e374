"""Revenue: what is ordered."""

from __future__ import annotations

import json

from tests.integration.analytics.case import Case, event, order

from sluice.contract.event import Outcome


def items(*lines: tuple[str, int]) -> dict[str, str]:
    return {"items": json.dumps([{"product_id": name, "quantity": number} for name, number in lines])}


CASES = (
    Case(
        "Revenue by day and currency",
        [
            order("2026-03-02 00:00", "order-1", 10),
            order("2026-03-02 23:59:59.999", "order-2", 20.55),
            order("2026-03-02 12:00", "order-3", None),
            order("2026-03-02 12:00", "order-4", 7, "USD"),
            order("2026-03-02 12:01", "order-1", 10, outcome=Outcome.DUPLICATE),
            order("2026-03-03 12:00", "order-5", 1000, "JPY"),
            order("2026-03-09 12:00", "order-6", 10),
        ],
        """
        2026-03-02 | EUR | 3 | 30.55 | 15.28
        2026-03-02 | USD | 1 | 7 | 7
        2026-03-03 | JPY | 1 | 1000 | 1000
        """,
    ),
    Case(
        "Revenue that stands in properties",
        [
            order("2026-03-02 10:00", "order-1", None, "", properties={"value": "10.1", "currency": "eur"}),
            order("2026-03-02 11:00", "order-2", None, "", properties={"value": "0.2", "currency": "EUR"}),
            order("2026-03-02 12:00", "order-3", 20, properties={"value": "99", "currency": "USD"}),
            order("2026-03-02 13:00", "order-4", None, "", properties={"value": "nan", "currency": "EUR"}),
            order("2026-03-02 14:00", "order-5", None, ""),
            order("2026-03-02 15:00", "order-6", None, "", properties={"value": "7"}),
            order("2026-03-02 16:00", "order-1", None, properties={"value": "10.1"}, outcome=Outcome.DUPLICATE),
            event("2026-03-02 17:00", "add_to_cart", properties={"value": "5"}),
        ],
        """
        2026-03-02 | '' | 2 | 7 | 7
        2026-03-02 | EUR | 4 | 30.3 | 10.1
        """,
    ),
    Case(
        "How large orders are",
        [
            *[order("2026-03-02 10:00", f"order-{value}", value) for value in (11, 3, 900, 5, 7, 1, 2, 10, 4, 6, 8)],
            order("2026-03-02 10:00", "order-none", None),
            order("2026-03-02 10:00", "order-dollars", 7.5, "USD"),
        ],
        """
        EUR | 11 | 1 | 6 | 11 | 900
        USD | 1 | 7.5 | 7.5 | 7.5 | 7.5
        """,
    ),
    Case(
        "Best sellers",
        [
            order("2026-03-02 10:00", "order-1", 10, properties=items(("tent", 2), ("stove", 1), ("stove", 3))),
            order("2026-03-02 11:00", "order-2", 10, properties=items(("tent", 1))),
            order("2026-03-02 12:00", "order-3", 10),
            event("2026-03-02 12:30", "add_to_cart", properties=items(("tent", 7))),
            order("2026-03-02 13:00", "order-2", 10, properties=items(("tent", 1)), outcome=Outcome.DUPLICATE),
        ],
        """
        stove | 1 | 4
        tent | 2 | 3
        """,
    ),
)
