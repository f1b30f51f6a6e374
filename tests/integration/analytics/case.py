"""A question with events and the answer that follows from them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.factories import processed_line

from sluice.contract.event import Event, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.contract.processed import Processed

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Case:
    """Events of a project of their own, and the rows that a question of the document is answered with.

    `answer` has a line for each row, its columns apart by ` | `; `''` stands for an empty string, `NULL` for none.
    Without other `parameters` the question is about the site `shop` and the week from Monday, 2 March 2026. Copies of
    the events of another project, on another site, and of four weeks earlier and later are stored too; the last two
    not where it asks for all sites and for all times, and none where the events are `alone`. What it asks of one site
    is asked of all sites where it is put `without_the_site`.
    """

    question: str
    events: Sequence[Processed]
    answer: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    asks_for_all_times: bool = False
    asks_for_all_sites: bool = False
    without_the_site: bool = False
    alone: bool = False

    @property
    def name(self) -> str:
        return f"{self.question} of all sites" if self.without_the_site else self.question


def event(
    at: str,
    event_type: str = "page_view",
    *,
    visitor: int = 1,
    outcome: Outcome = Outcome.STORED,
    to_gateway_ms: int = 100,
    to_kafka_ms: int = 5,
    partition: int = 0,
    of_line: Mapping[str, Any] | None = None,
    **columns: Any,
) -> Processed:
    """Give an event of the site `shop` that happened at a time in UTC, such as `2026-03-02 10:00`.

    `columns` are those of the event, `of_line` what the processors say of it.
    """
    timestamp = round(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
    number = next(_numbers)
    fields: dict[str, Any] = {
        "event_id": str(UUID(int=0xA7A1 << 96 | number)),
        "request_id": f"request-{number}",
        "event_type": event_type,
        "timestamp": timestamp,
        "received_at": timestamp + to_gateway_ms,
        "site_id": "shop",
        "visitor_id": visitor,
    }
    return processed_line(
        partition=partition,
        source_timestamp=timestamp + to_gateway_ms + to_kafka_ms,
        outcome=outcome,
        event=Event(**fields | columns),
        **of_line or {},
    )


def order(at: str, order_id: str, value: float | None, currency: str = "EUR", **others: Any) -> Processed:
    """Give a confirmation."""
    return event(at, "confirmation", order_id=order_id, value=value, currency=currency, **others)
