"""Finding events in records of Kafka by any of their ids."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.factories import NOW, TOPIC, processed_line, pulse_event, raw_line
from tests.unit.cli.reading.partition_log import MemoryPartitionLog, Stored

from sluice.cli.tracing.sighting import Place, of_row, on_processed, on_raw
from sluice.cli.tracing.tracer import judged, start_after
from sluice.cli.tracing.wanted import wanted
from sluice.contract import ndjson, processed, raw
from sluice.contract.event import Api, Outcome, Stage
from sluice.contract.processed import Source

AT = Source(TOPIC, 2, 7, 0, NOW)


def raw_value(*lines: raw.RawLine) -> bytes:
    return ndjson.join(map(raw.encode, lines))


def processed_value(*lines: processed.Processed) -> bytes:
    return ndjson.join(map(processed.encode, lines))


def confirmation(order_id: str) -> raw.RawLine:
    body = b'{"user":{"email":"a@example.com"},"event":{"confirmation":{"orderId":%s}}}' % order_id.encode()
    return raw_line(body, number=2, api=Api.USER_EVENT)


def test_a_raw_line_is_found_by_its_event_and_shows_where_it_stands():
    value = raw_value(raw_line(number=1), raw_line(number=2, received_at=NOW + 5))
    [seen] = on_raw(value, wanted(str(UUID(int=2))), AT)
    assert (seen.place, seen.source.line, seen.event_id) == (Place.ACCEPTED, 1, str(UUID(int=2)))
    assert (seen.project, seen.api, seen.event_type) == ("demo", "pulse", "page_view")
    assert (seen.received_at, seen.outcome) == (NOW + 5, "")


def test_a_request_has_all_its_lines():
    lines = [raw_line(number=1), raw_line(number=2, request_id="other"), raw_line(number=3)]
    assert [seen.source.line for seen in on_raw(raw_value(*lines), wanted("request-1"), AT)] == [0, 2]


def test_in_a_record_with_too_many_lines_those_are_found_that_the_processors_decide():
    value = raw_value(*[raw_line()] * (ndjson.MAX_LINES + 1))
    assert [seen.source.line for seen in on_raw(value, wanted("request-1"), AT)] == list(range(ndjson.MAX_LINES - 1))


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ('"order-1"', "order-1"),
        ("17", "17"),
        ('"\\u006frder-1"', "order-1"),
        ('"a\\/b"', "a/b"),
        ('"a\\"b"', 'a"b'),
        ('"ä\'; DROP"', "ä'; DROP"),
    ],
)
def test_an_order_is_found_however_it_was_written(sent, asked):
    [seen] = on_raw(raw_value(confirmation(sent)), wanted(asked), AT)
    assert (seen.order_id, seen.event_type) == (asked, "confirmation")


def test_a_part_of_an_id_finds_nothing():
    assert list(on_raw(raw_value(raw_line(), confirmation('"order-1"')), wanted("order"), AT)) == []
    assert list(on_raw(raw_value(raw_line()), wanted("request-"), AT)) == []
    assert list(on_processed(processed_value(processed_line()), wanted("request-"))) == []


def test_an_event_that_only_mentions_an_id_is_another():
    value = raw_value(raw_line(pulse_event(note="request-9")))
    assert list(on_raw(value, wanted("request-9"), AT)) == []


@pytest.mark.parametrize("value", [None, b"", b"request-1", b'{"request_id":"request-1"}', b"\xffrequest-1\\"])
def test_what_is_no_line_is_passed_over(value):
    assert list(on_raw(value, wanted("request-1"), AT)) == []
    assert list(on_processed(value, wanted("request-1"))) == []


def test_an_event_that_no_rule_can_read_is_found_without_its_type():
    [seen] = on_raw(raw_value(raw_line(b"[]")), wanted("request-1"), AT)
    assert (seen.event_type, seen.order_id) == ("", "")


def test_a_processed_line_shows_its_decision():
    line = processed_line(
        9, 3, outcome=Outcome.DUPLICATE, stage=Stage.PROCESSOR, reason="a later one", duplicate_of=str(UUID(int=1))
    )
    [seen] = on_processed(processed_value(processed_line(8), line), wanted(line.event.event_id))
    assert (seen.place, seen.source, seen.outcome) == (Place.DECIDED, line.source, "duplicate")
    assert (seen.stage, seen.reason, seen.duplicate_of) == ("processor", "a later one", str(UUID(int=1)))
    assert seen.view == "sluice.rejected_events"


def test_a_processed_line_is_found_by_its_order():
    event = msgspec.structs.replace(processed_line().event, order_id="order-1")
    [seen] = on_processed(processed_value(processed_line(event=event)), wanted("order-1"))
    assert (seen.order_id, seen.view) == ("order-1", "sluice.events")


def test_a_row_shows_the_same():
    ids = (UUID(int=1), "request-1", "", "demo", "pulse", "page_view", NOW, 0)
    seen = of_row((*ids, "stored", "", "", None, UUID(TOPIC), 2, 7, 3, NOW, False))
    assert (seen.place, seen.coordinates) == (Place.STORED, (TOPIC, 2, 7, 3))
    assert (seen.event_id, seen.duplicate_of) == (str(UUID(int=1)), None)


@pytest.mark.parametrize(
    ("mark", "marker", "place"),
    [
        (6, 6, Place.ACCEPTED),
        (6, 7, Place.DECIDED),
        (7, 7, Place.LOST),
        (-1, -1, Place.ACCEPTED),
    ],
)
def test_mark_and_marker_tell_how_far_a_raw_line_has_come(mark, marker, place):
    [seen] = on_raw(raw_value(raw_line()), wanted("request-1"), AT)
    assert judged(seen, TOPIC, mark, marker).place is place


def test_a_decided_line_of_an_older_topic_says_nothing_about_this_ones_marks():
    [seen] = on_processed(processed_value(processed_line(3)), wanted("request-1"))
    assert judged(seen, TOPIC, 3).place is Place.LOST
    assert judged(seen, "another topic", 3).place is Place.DECIDED


def log_of(*offsets: int) -> MemoryPartitionLog:
    """Each record of events.processed holds one raw record; at every other offset a transaction ends."""
    values = {2 * at: processed_value(processed_line(offset)) for at, offset in enumerate(offsets)}
    return MemoryPartitionLog({at: Stored(at, value) for at, value in values.items()})


@pytest.mark.parametrize(("mark", "start"), [(99, 192), (96, 192), (95, 136), (68, 136), (67, 0), (-1, 0)])
async def test_the_search_starts_at_or_before_the_first_that_is_not_stored(mark: int, start: int):
    assert await start_after(log_of(*range(100)), range(200), TOPIC, mark) == start


async def test_the_search_starts_not_before_what_is_held():
    assert await start_after(log_of(*range(100)), range(150, 200), TOPIC, 10) == 150
    assert await start_after(log_of(), range(0), TOPIC, 10) == 0


async def test_what_is_of_an_older_topic_is_stored():
    assert await start_after(log_of(*range(100)), range(200), "another topic", 0) == 192


async def test_a_line_that_nobody_can_read_starts_nothing():
    log: Any = MemoryPartitionLog({at: Stored(at, b"poison") for at in range(20)})
    assert await start_after(log, range(20), TOPIC, 10) == 0
