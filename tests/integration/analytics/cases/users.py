"""Users: what is known of them, and what they allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.analytics.case import Case, event, order

from sluice.contract.event import Consent, Outcome
from sluice.contract.processed import UserChange

if TYPE_CHECKING:
    from sluice.contract.processed import Processed


def update(at: str, user: int, email: str = "", unset: tuple[str, ...] = (), **attributes: str) -> Processed:
    change = UserChange(email=email, set=attributes, unset=unset)
    return event(at, "update", visitor=user, user_id=f"user-{user}", of_line={"user_change": change})


CASES = (
    Case(
        "Users by an attribute",
        [
            update("2026-03-02 10:00", 1, "ann@example.com", plan="free"),
            update("2026-03-03 10:00", 1, plan="team"),
            update("2026-03-02 10:00", 2, plan="team"),
            update("2026-03-02 10:00", 3, "cleo@example.com", plan="free"),
            update("2026-03-02 10:00", 4, plan="team"),
            update("2026-03-04 10:00", 4, unset=("plan",)),
            update("2026-03-02 10:00", 5, language="de"),
        ],
        """
        team | 2 | 1
        free | 1 | 1
        """,
        {"attribute": "plan"},
        asks_for_all_times=True,
    ),
    Case(
        "What users with an attribute spend",
        [
            update("2026-03-04 10:00", 1, plan="team"),
            order("2026-03-02 10:00", "order-1", 10, visitor=1, user_id="user-1"),
            order("2026-03-05 10:00", "order-2", 5.5, visitor=1, user_id="user-1"),
            update("2026-03-02 10:00", 2, plan="free"),
            order("2026-03-02 10:00", "order-3", 3, "USD", visitor=2, user_id="user-2"),
            update("2026-03-02 10:00", 3, language="de"),
            order("2026-03-02 10:00", "order-4", 100, visitor=3, user_id="user-3"),
            order("2026-03-02 10:00", "order-5", 100, visitor=4),
        ],
        """
        free | USD | 1 | 1 | 3
        team | EUR | 1 | 2 | 15.5
        """,
        {"attribute": "plan"},
    ),
    Case(
        "What one user did",
        [
            order("2026-03-02 10:05", "order-1", 10, user_id="ann"),
            event("2026-03-02 10:00", user_id="ann", url="/a", properties={"color": "red"}),
            event("2026-03-02 10:01", user_id="bob"),
            event("2026-03-02 10:02"),
            order(
                "2026-03-02 10:06",
                "order-1",
                10,
                user_id="ann",
                outcome=Outcome.DUPLICATE,
                of_line={"reason": "sent again"},
            ),
            event("2024-01-01 10:00", user_id="ann", site_id="blog"),
            event("2026-04-01 10:00", "login", user_id="ann", site_id=""),
        ],
        """
        2024-01-01 10:00:00.000 | blog | page_view | stored | '' | '' | '' | NULL | '' | {}
        2026-03-02 10:00:00.000 | shop | page_view | stored | '' | /a | '' | NULL | '' | {'color':'red'}
        2026-03-02 10:05:00.000 | shop | confirmation | stored | '' | '' | order-1 | 10 | EUR | {}
        2026-03-02 10:06:00.000 | shop | confirmation | duplicate | sent again | '' | order-1 | 10 | EUR | {}
        2026-04-01 10:00:00.000 | '' | login | stored | '' | '' | '' | NULL | '' | {}
        """,
        {"user_id": "ann"},
        asks_for_all_times=True,
        asks_for_all_sites=True,
    ),
    Case(
        "What is known of one user",
        [
            update("2026-03-02 10:00", 1, "ann@example.com", plan="free", language="de"),
            update("2026-03-03 10:00", 1, plan="team", unset=("language",)),
            update("2026-03-02 10:00", 2, "bob@example.com", plan="free"),
        ],
        """
        ann@example.com | {'plan':'team'} | 2026-03-02 10:00:00.100 | 2026-03-03 10:00:00.100
        """,
        {"user_id": "user-1"},
        asks_for_all_times=True,
        asks_for_all_sites=True,
    ),
    Case(
        "Consent",
        [
            event("2026-03-02 10:00", consent=Consent.GRANTED),
            event("2026-03-08 10:00", consent=Consent.GRANTED),
            event("2026-03-02 10:00", consent=Consent.DENIED, visitor=2),
            event("2026-03-04 10:00", consent=Consent.GRANTED, visitor=2),
            event("2026-03-02 10:00", visitor=3),
            event("2026-03-02 10:00", visitor=4),
            event("2026-03-02 10:00", visitor=0),
            event("2026-03-09 10:00", consent=Consent.DENIED, visitor=5),
            event("2026-03-09 10:00", consent=Consent.GRANTED, visitor=6),
            event("2026-03-16 10:00", visitor=0),
        ],
        """
        2026-03-02 | denied | 1 | 1 | 4 | 25
        2026-03-02 | granted | 3 | 2 | 4 | 50
        2026-03-02 | unknown | 3 | 2 | 4 | 50
        2026-03-09 | denied | 1 | 1 | 2 | 50
        2026-03-09 | granted | 1 | 1 | 2 | 50
        2026-03-16 | unknown | 1 | 0 | 0 | NULL
        """,
        {"to": "2026-03-22"},
    ),
)
