"""Data quality: what was rejected, comes late, or is not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.integration.analytics.case import Case, event, order

from sluice.contract.event import Api, Outcome, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.contract.processed import Processed

FIRST, SECOND, LATEST, A_VIEW = (str(UUID(int=0xF1257 << 64 | number)) for number in range(4))
OF_A_PROFILE = "this profile had an event of this metric with the unique_id"
PULSE, EVENTS, INGEST, CLIENT, USER_EVENT = ({"api": api} for api in Api)


def rejected(reason: str, **of_line: str) -> Mapping[str, Any]:
    return {"stage": Stage.PROCESSOR, "reason": reason, **of_line}


def duplicate(at: str, reason: str, **columns: Any) -> Processed:
    return event(at, of_line=rejected(reason), outcome=Outcome.DUPLICATE, **columns)


def sent_again(key: str) -> str:
    return f"a request with the Idempotency-Key {key} was accepted and decided within 24 hours"


def again(replay: int, **of_line: Any) -> Mapping[str, Any]:
    return {**PULSE, "replay": replay, **of_line}


def after(happened: str, taken: str) -> int:
    """Give the milliseconds from one time to the other, for `to_gateway_ms`."""
    return (datetime.fromisoformat(taken) - datetime.fromisoformat(happened)) // timedelta(milliseconds=1)


ACCEPTED = [
    event("2026-03-02 10:00", of_line=PULSE),
    event("2026-03-02 23:59:59", of_line=PULSE),
    event("2026-03-02 10:00", of_line=PULSE, outcome=Outcome.BOT),
    event("2026-03-02 10:00", of_line=INGEST, outcome=Outcome.BOT),
    # It happened the week before, and was taken on that Monday.
    event("2026-02-27 10:00", of_line=PULSE, to_gateway_ms=after("2026-02-27 10:00", "2026-03-02 10:00")),
    # A bot's at first, then stored, then known to be stored.
    event("2026-03-02 10:00", of_line=PULSE, outcome=Outcome.BOT, event_id=FIRST),
    event("2026-03-02 10:00", of_line=again(1), event_id=FIRST, to_kafka_ms=86_400_000),
    event(
        "2026-03-02 10:00",
        of_line=again(2, duplicate_of=FIRST),
        outcome=Outcome.DUPLICATE,
        event_id=FIRST,
        to_kafka_ms=172_800_000,
    ),
    # A rule failed on it at first, so that it had no site.
    event("2026-03-03 10:00", "", of_line=PULSE, outcome=Outcome.INVALID, site_id="", event_id=SECOND, visitor=0),
    event("2026-03-03 10:00", of_line=again(1), event_id=SECOND, to_kafka_ms=86_400_000),
]

CASES = (
    Case(
        "Accepted, stored, rejected",
        ACCEPTED,
        """
        2026-03-02 | ingest | 1 | {'bot':1} | 0
        2026-03-02 | pulse | 5 | {'bot':2,'stored':3} | 4
        2026-03-03 | pulse | 0 | {} | 1
        """,
    ),
    Case(
        "Accepted, stored, rejected",
        ACCEPTED,
        """
        2026-03-02 | ingest | 1 | {'bot':1} | 0
        2026-03-02 | pulse | 5 | {'bot':2,'stored':3} | 4
        2026-03-03 | pulse | 1 | {'invalid':1} | 1
        """,
        without_the_site=True,
    ),
    Case(
        "Why events were rejected",
        [
            duplicate(
                "2026-03-02 10:00", f"order A-1 was confirmed before: event {FIRST} of 2026-03-01T10:00:00.000Z"
            ),
            duplicate(
                "2026-03-02 12:00",
                f"order 2 was confirmed before: event {SECOND} of 2026-03-01T10:00:00.123Z",
                event_id=LATEST,
            ),
            duplicate(
                "2026-03-02 11:00", f"order was before was confirmed before: event {FIRST} of 2026-03-01T10:00:00Z"
            ),
            duplicate("2026-03-02 13:00", sent_again("7f3a"), event_id=SECOND),
            duplicate("2026-03-02 10:00", sent_again("my key")),
            duplicate("2026-03-02 10:00", f"{OF_A_PROFILE} 17 before: event {FIRST} of 2026-03-01T10:00:00.000Z"),
            duplicate("2026-03-03 10:00", f"{OF_A_PROFILE} a b before", event_id=FIRST),
            event("2026-03-02 10:00", of_line=rejected("Googlebot"), outcome=Outcome.BOT, event_id=FIRST),
            event("2026-03-02 10:00"),
        ],
        f"""
        duplicate | processor | order ... was confirmed before | 3 | {LATEST}
        duplicate | processor | {sent_again("...")} | 2 | {SECOND}
        duplicate | processor | {OF_A_PROFILE} ... before | 2 | {FIRST}
        bot | processor | Googlebot | 1 | {FIRST}
        """,
    ),
    Case(
        "Orders that were sent again",
        [
            order("2026-03-02 10:00", "order-1", 10, event_id=FIRST),
            order("2026-03-02 10:01", "order-1", 10, outcome=Outcome.DUPLICATE, of_line={"duplicate_of": FIRST}),
            order("2026-03-03 10:01", "order-1", 12, outcome=Outcome.DUPLICATE, of_line={"duplicate_of": FIRST}),
            order("2026-03-02 10:00", "order-2", 5, event_id=SECOND),
            order("2026-03-02 10:01", "order-2", None, outcome=Outcome.DUPLICATE, of_line={"duplicate_of": SECOND}),
            order("2026-03-02 10:00", "order-3", 5),
            # A replay of the first; what another rule rejected; what is no order, and what lost to none.
            order(
                "2026-03-02 10:00",
                "order-1",
                10,
                event_id=FIRST,
                outcome=Outcome.DUPLICATE,
                of_line={"duplicate_of": FIRST, "replay": 1},
                to_kafka_ms=86_400_000,
            ),
            order("2026-03-02 10:02", "order-1", 10, outcome=Outcome.THROTTLED, of_line={"duplicate_of": FIRST}),
            event("2026-03-02 10:02", outcome=Outcome.DUPLICATE, of_line={"duplicate_of": FIRST}),
            event("2026-03-02 10:00", event_id=A_VIEW),
            order("2026-03-02 10:02", "order-4", 10, outcome=Outcome.DUPLICATE, of_line={"duplicate_of": A_VIEW}),
        ],
        """
        order-1 | 2 | 10 | 1
        order-2 | 1 | 5 | 1
        """,
    ),
    Case(
        "Late events and wrong clocks",
        [
            *[event("2026-03-02 10:00", of_line=PULSE) for _ in range(98)],
            event("2026-03-02 10:00", of_line=PULSE, to_gateway_ms=2_000),
            event("2020-03-02 10:00", of_line=PULSE, to_gateway_ms=after("2020-03-02 10:00", "2026-03-08 23:59:59")),
            event("2031-03-02 10:00", of_line=PULSE, to_gateway_ms=after("2031-03-02 10:00", "2026-03-02 00:00")),
            event("2026-03-02 10:00", of_line=PULSE, to_gateway_ms=after("2026-03-02 10:00", "2026-03-09 00:00")),
            event("2026-03-02 10:00", of_line=EVENTS, to_gateway_ms=3_600_000),
            event("2026-03-02 10:00", of_line=USER_EVENT, to_gateway_ms=0),
            event("2026-03-02 10:00", of_line=INGEST, to_gateway_ms=3_600_001),
            event("2026-03-02 10:00", of_line=CLIENT, to_gateway_ms=-1000),
        ],
        """
        client | 1 | -1 | 0 | 1
        events | 1 | 3600 | 0 | 0
        ingest | 1 | 3600.001 | 1 | 0
        pulse | 101 | 2 | 1 | 1
        user_event | 1 | 0 | 0 | 0
        """,
    ),
    Case(
        "What senders leave out",
        [
            event("2026-03-02 10:00", url="/a", session_id="s-1", country="DE", of_line=PULSE),
            event("2026-03-02 10:00", url="/a", of_line=PULSE),
            event("2026-03-02 10:00", "click", visitor=0, of_line=INGEST),
        ],
        """
        pulse | page_view | 2 | 0 | 50 | 0 | 50
        ingest | click | 1 | 100 | 100 | 100 | 100
        """,
    ),
)
