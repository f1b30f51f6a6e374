"""Sending events in again: pages of raw lines go to `events.raw` as records, and what became of each is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sluice.cli.replaying.lines import Outgoing, records
from sluice.contract.errors import Retry, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sluice.cli.replaying.lines import Record, Refused


class Publisher(Protocol):
    """Puts one record on one partition of `events.raw`; the gateway's own."""

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        """Return once the record is durable. Raises `Retry` where that did not happen in time."""
        ...


@dataclass
class Tally:
    """How many events were sent in again, and how many were not, by why."""

    sent: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    """Kafka did not acknowledge these: they may be there or not."""


async def send(
    pages: AsyncIterator[list[Outgoing | Refused]], publisher: Publisher, go_on: Callable[[Tally], bool]
) -> Tally:
    """Send all that is ready, page by page.

    Stops after a page in which Kafka did not acknowledge something, and when `go_on`, asked before each record and
    after each page, says so.
    """
    tally = Tally()
    async for page in pages:
        ready = [found for found in page if isinstance(found, Outgoing)]
        tally.refused.update(found.reason for found in page if not isinstance(found, Outgoing))
        by_partition: dict[int, list[Record]] = {}
        for record in records(ready):
            by_partition.setdefault(record.partition, []).append(record)
        await asyncio.gather(*(_send_in_order(of_one, publisher, tally, go_on) for of_one in by_partition.values()))
        if not go_on(tally) or tally.unknown:
            break
    return tally


async def _send_in_order(
    of_one_partition: list[Record], publisher: Publisher, tally: Tally, go_on: Callable[[Tally], bool]
) -> None:
    for place, record in enumerate(of_one_partition):
        if not go_on(tally):
            return
        try:
            await publisher.publish(record.partition, record.value())
        except TooLarge as error:
            tally.refused[str(error)] += len(record.lines)
        except Retry:
            tally.unknown += len(record.lines)
            if not_tried := sum(len(later.lines) for later in of_one_partition[place + 1 :]):
                tally.refused["Kafka went away before"] += not_tried
            return
        else:
            tally.sent += len(record.lines)
