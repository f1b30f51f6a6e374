"""Pages: what is seen, where sessions begin, lead and end."""

from __future__ import annotations

from tests.integration.analytics.case import Case, event

A, B = "https://shop.example/a", "https://shop.example/b"

VISITS = [
    event("2026-03-02 10:00", session_id="goes on", url=f"{A}?utm_source=x"),
    event("2026-03-02 10:01", session_id="goes on", url=B),
    event("2026-03-02 11:00", session_id="bounces", url=A),
    event("2026-03-02 12:00", session_id="clicks alone", url=B),
    event("2026-03-02 12:01", "click", session_id="clicks alone", url=f"{B}#below"),
    event("2026-03-02 13:00", session_id="without a page"),
    event("2026-03-02 14:00", "confirmation", session_id="sees nothing", url=f"{B}?thanks"),
    event("2026-03-02 14:01", "click", session_id="sees nothing", url=B),
    event("2026-03-02 15:00", "email_open", session_id="only mails", url="https://mail.example/"),
    event("2026-03-01 23:59", session_id="began before", url=A),
    event("2026-03-02 00:01", session_id="began before", url=B),
]

CASES = (
    Case(
        "Top pages",
        [
            event("2026-03-02 10:00", url=f"{A}?color=red"),
            event("2026-03-02 10:01", url=f"{A}#reviews"),
            event("2026-03-08 23:59:59.999", url=A, visitor=2),
            event("2026-03-02 10:02", url=B),
            event("2026-03-02 10:03", "click", url=B),
            event("2026-03-02 10:04"),
            event("2026-03-02 10:05", url=A, visitor=0),
            event("2026-03-09 00:00", url=B),
        ],
        f"""
        {A} | 4 | 2
        {B} | 1 | 1
        """,
    ),
    Case(
        "Entry pages and their bounces",
        VISITS,
        f"""
        {A} | 2 | 50
        {B} | 2 | 100
        https://mail.example/ | 1 | NULL
        """,
    ),
    Case(
        "Exit pages",
        VISITS,
        f"""
        {B} | 3 | 60
        https://mail.example/ | 1 | 20
        {A} | 1 | 20
        """,
    ),
    Case(
        "Where they go next",
        [
            event("2026-03-02 10:00", session_id="there and back", url=A),
            event("2026-03-02 10:01", session_id="there and back", url=B),
            event("2026-03-02 10:02", session_id="there and back", url=A),
            event("2026-03-02 10:00:30", session_id="there", url=f"{A}?page=2"),
            event("2026-03-02 10:00:40", "click", session_id="there", url=A),
            event("2026-03-02 10:01:30", session_id="there", url=B),
            event("2026-03-02 10:00", url=A),
            event("2026-03-02 10:00", session_id="loads again", url=A),
            event("2026-03-02 10:01", session_id="loads again", url=A),
            event("2026-03-02 10:00", session_id="sees what has no name", url=A),
            event("2026-03-02 10:01", session_id="sees what has no name"),
            event("2026-03-02 10:02", session_id="sees what has no name", url=B),
            # Two pages in a millisecond, of one request, and before and after signing in.
            event("2026-03-02 11:00", session_id="at once", url=A, visitor=3),
            event("2026-03-02 11:00", session_id="at once", url=B, visitor=2),
            event("2026-03-02 11:00", session_id="signs in", url=A, visitor=5, partition=1),
            event("2026-03-02 11:00", session_id="signs in", url=B, visitor=4, to_gateway_ms=101),
        ],
        f"""
        {B} | 5 | 62.5
        '' | 2 | 25
        {A} | 1 | 12.5
        """,
        {"page": A},
    ),
    Case(
        "Where they go next",
        [
            event("2026-03-02 10:00", session_id="1", url=A),
            event("2026-03-02 10:01", session_id="1", url=B, site_id="blog"),
            event("2026-03-02 10:02", session_id="1", url=A),
            event("2026-03-02 10:03", session_id="1", url=A, site_id="blog"),
        ],
        f"""
        '' | 2 | 66.7
        {A} | 1 | 33.3
        """,
        {"page": A},
        without_the_site=True,
    ),
    Case(
        "What they search for",
        [
            event("2026-03-02 10:00", "search", properties={"query": " Tent", "results": "7"}),
            event("2026-03-02 10:01", "search", properties={"query": "tent", "results": "0"}),
            event("2026-03-02 10:02", "search", properties={"query": "tent"}, visitor=2),
            event("2026-03-02 10:03", "search", properties={"query": "ÖFEN", "results": "0"}),
            event("2026-03-02 10:03:30", "search", properties={"query": "öfen", "results": "3"}, visitor=0),
            event("2026-03-02 10:04", "search"),
            event("2026-03-02 10:05", "page_view", properties={"query": "tent"}),
        ],
        """
        tent | 3 | 2 | 33.3
        öfen | 2 | 1 | 50
        """,
    ),
)
