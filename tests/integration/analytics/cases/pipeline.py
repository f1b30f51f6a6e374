"""The pipeline: the way of an event, and how far the table is behind."""

from __future__ import annotations

from uuid import UUID

from tests.integration.analytics.case import Case, event

from sluice.contract.event import Outcome, Stage

ID = str(UUID(int=0x9A78 << 64))
A_DAY_MS = 86_400_000

CASES = (
    Case(
        "The path of one event",
        [
            event(
                "2026-03-02 10:00",
                event_id=ID,
                to_gateway_ms=40,
                to_kafka_ms=3,
                partition=11,
                outcome=Outcome.INVALID,
                of_line={"stage": Stage.PROCESSOR, "reason": "broken"},
            ),
            event(
                "2026-03-02 10:00",
                event_id=ID,
                to_gateway_ms=40,
                to_kafka_ms=A_DAY_MS,
                partition=11,
                of_line={"replay": 1},
            ),
            event("2026-03-02 10:00", partition=11),
        ],
        """
        2026-03-02 10:00:00.000 | 40 | 3 | (11,0,0) | invalid | broken | 0
        2026-03-02 10:00:00.000 | 40 | 86400000 | (11,2,0) | stored | '' | 1
        """,
        {"event_id": ID},
        alone=True,
    ),
    Case(
        "How fresh the table is",
        [
            event("2025-01-01 11:59:50", partition=12, to_gateway_ms=0),
            event("2025-01-01 11:59:58", partition=12, to_gateway_ms=0),
            event("2025-01-01 11:00", partition=13, to_gateway_ms=0),
            event("2024-12-31 11:00", partition=14, to_gateway_ms=0),
            event("2025-01-01 12:00:01", partition=15, to_gateway_ms=0),
            event("2025-01-01 11:00", partition=16, to_gateway_ms=0),
            event("2025-01-01 11:59", partition=16, to_gateway_ms=0, outcome=Outcome.BOT),
            event("2024-12-30 11:00", partition=17, to_gateway_ms=0, to_kafka_ms=2 * A_DAY_MS, of_line={"replay": 1}),
        ],
        """
        12 | 1 | 2
        13 | 0 | 3600
        16 | 1 | 60
        """,
        {"now": "2025-01-01 12:00:00"},
        alone=True,
    ),
)
