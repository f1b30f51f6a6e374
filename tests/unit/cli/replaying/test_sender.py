"""Sending pages of raw lines in again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import factories
from tests.unit.cli.replaying.events import row

from sluice.cli.replaying.lines import Outgoing, Refused, outgoing
from sluice.cli.replaying.sender import Tally, send
from sluice.contract import ndjson, raw
from sluice.contract.errors import Retry, TooLarge
from sluice.contract.raw import RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Page = list[Outgoing | Refused]


class Broker:
    """Takes records until it goes away."""

    def __init__(self, *, away_after: int = 1000, max_bytes: int = 10**9) -> None:
        self.records: list[tuple[int, list[str]]] = []
        self._away_after = away_after
        self._max_bytes = max_bytes

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        assert key is None
        if len(value) > self._max_bytes:
            raise TooLarge("too large")
        if len(self.records) >= self._away_after:
            raise Retry("away")
        self.records.append((partition, [raw.decode(line).request_id for line in ndjson.split(value)]))
        return len(self.records)


def line(name: str, partition: int = 0, size: int = 0) -> Outgoing:
    sent = factories.raw_line(b'"%s"' % (b"x" * size), request_id=name)
    return outgoing(row(source_partition=partition), sent, 4)


async def through(*pages: Page) -> AsyncIterator[Page]:
    for page in pages:
        yield page


def on(tally: Tally) -> bool:
    del tally
    return True


async def test_what_is_ready_is_sent_and_the_rest_is_counted():
    broker = Broker()
    tally = await send(through([line("a"), Refused(row(), "too old"), line("b")]), broker, on)
    assert broker.records == [(0, ["a", "b"])]
    assert (tally.sent, tally.refused, tally.unknown) == (2, {"too old": 1}, 0)


async def test_nothing_to_send_is_no_record():
    broker = Broker()
    tally = await send(through([], [Refused(row(), "too old")]), broker, on)
    assert (broker.records, tally.sent) == ([], 0)


async def test_each_partition_gets_its_lines_in_order():
    broker = Broker()
    half = RECORD_BYTES // 2
    await send(through([line("a", 1, half), line("b", 2), line("c", 1, half), line("d", 1)]), broker, on)
    assert [names for partition, names in broker.records if partition == 1] == [["a"], ["c", "d"]]
    assert [names for partition, names in broker.records if partition == 2] == [["b"]]


async def test_where_kafka_goes_away_the_rest_is_not_tried():
    big = RECORD_BYTES
    pages = through([line("a", 0, big), line("b", 0, big), line("c", 0, big), line("d", 0, big)], [line("e")])
    broker = Broker(away_after=1)
    tally = await send(pages, broker, on)
    assert broker.records == [(0, ["a"])]
    assert (tally.sent, tally.unknown, tally.refused) == (1, 1, {"Kafka went away before": 2})


async def test_where_kafka_goes_away_last_nothing_is_left_untried():
    tally = await send(through([line("a")]), Broker(away_after=0), on)
    assert (tally.sent, tally.unknown, dict(tally.refused)) == (0, 1, {})


async def test_an_event_that_kafka_finds_too_large_does_not_keep_the_others():
    broker = Broker(max_bytes=RECORD_BYTES)
    tally = await send(through([line("a", 0, 2 * RECORD_BYTES), line("b")]), broker, on)
    assert broker.records == [(0, ["b"])]
    assert (tally.sent, tally.refused) == (1, {"too large": 1})


async def test_it_ends_before_the_record_at_which_it_is_told_to():
    big = RECORD_BYTES
    broker = Broker()
    pages = through([line("a", 0, big), line("b", 0, big), line("c", 0, big)], [line("d")])
    tally = await send(pages, broker, lambda tally: tally.sent < 2)
    assert broker.records == [(0, ["a"]), (0, ["b"])]
    assert (tally.sent, tally.refused, tally.unknown) == (2, {}, 0)


async def test_nothing_is_sent_of_a_page_that_came_after_it_was_told_to_end():
    broker = Broker()
    tally = await send(through([line("a"), line("b", 1)], [line("c")]), broker, lambda tally: False)
    assert (broker.records, tally.sent) == ([], 0)


async def test_it_ends_between_pages_too():
    seen: list[int] = []

    def go_on(tally: Tally) -> bool:
        seen.append(tally.sent)
        return False

    tally = await send(through([Refused(row(), "too old")], [Refused(row(), "too old")]), Broker(), go_on)
    assert (tally.refused, seen) == ({"too old": 1}, [0])
