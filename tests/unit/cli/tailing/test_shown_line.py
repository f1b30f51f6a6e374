"""Events as lines of `sluice tail`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

import pytest
from tests.factories import NOW, processed_line, pulse_event, raw_line

from sluice.cli.tailing.shown_line import Filter, ShownLine, of_record
from sluice.contract import ndjson, processed, raw
from sluice.contract.event import Api, Outcome


@dataclass
class KafkaRecord:
    value: bytes | None
    topic: str = "events.raw"
    partition: int = 2
    offset: int = 7
    timestamp: int = NOW


def accepted(*lines: raw.RawLine) -> list[ShownLine]:
    return list(of_record(KafkaRecord(ndjson.join(map(raw.encode, lines)))))


def decided(*lines: processed.Processed) -> list[ShownLine]:
    return list(of_record(KafkaRecord(ndjson.join(map(processed.encode, lines)), topic="events.processed")))


def test_an_accepted_event_has_where_it_stands_and_its_type():
    [_, shown] = accepted(raw_line(), raw_line(pulse_event(event_type="click"), number=2))
    assert shown == ShownLine(
        received_at=NOW,
        partition=2,
        offset=7,
        line=1,
        outcome="accepted",
        project="demo",
        api="pulse",
        event_type="click",
        event_id=str(UUID(int=2)),
        request_id="request-1",
    )


def test_a_decided_event_has_where_it_stood():
    [shown] = decided(processed_line(9, 3, partition=1, outcome=Outcome.BOT, reason="a crawler"))
    assert (shown.partition, shown.offset, shown.line) == (1, 9, 3)
    assert (shown.outcome, shown.reason, shown.event_type) == ("bot", "a crawler", "page_view")


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{}"])
def test_what_is_no_raw_line_is_shown_as_unreadable(value):
    [shown] = of_record(KafkaRecord(value))
    assert (shown.outcome, shown.project, shown.received_at) == ("unreadable", "", NOW)
    assert shown.reason.startswith("not a raw line")
    assert shown.as_text().decode().isprintable()


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{}"])
def test_what_no_processor_wrote_is_not_shown(value):
    assert list(of_record(KafkaRecord(value, topic="events.processed"))) == []


def test_an_event_that_no_rule_can_read_has_no_type():
    assert accepted(raw_line(b"[]"))[0].event_type == ""


def test_the_columns_are_on_one_line():
    [shown] = decided(processed_line(9, 3, outcome=Outcome.BOT, reason="a\ncrawler"))
    assert shown.as_text().decode() == (
        "2026-11-18 11:06:40.000  0:9:3           demo      pulse       page_view           bot         "
        f"{UUID(int=9003)}  a\\ncrawler"
    )


def test_without_a_reason_a_line_has_no_blanks_at_its_end():
    assert accepted(raw_line())[0].as_text().endswith(str(UUID(int=1)).encode())


def test_the_json_is_on_one_line_and_names_everything():
    text = decided(processed_line(9, 3, outcome=Outcome.DUPLICATE, duplicate_of=str(UUID(int=5))))[0].as_json()
    assert b"\n" not in text
    assert json.loads(text) == {
        "received_at": NOW,
        "partition": 0,
        "offset": 9,
        "line": 3,
        "outcome": "duplicate",
        "project": "demo",
        "api": "pulse",
        "event_type": "page_view",
        "event_id": str(UUID(int=9003)),
        "request_id": "request-1",
        "reason": "",
        "duplicate_of": str(UUID(int=5)),
    }


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (Filter(), True),
        (Filter(project="demo", api="pulse", event_type="page_view", outcome="accepted"), True),
        (Filter(project="dem"), False),
        (Filter(api=Api.CLIENT), False),
        (Filter(event_type="click"), False),
        (Filter(outcome="stored"), False),
        (Filter(project=""), False),
    ],
)
def test_a_filter_lets_pass_what_is_equal_in_all_that_is_given(wanted: Filter, passes: bool):
    assert wanted.lets_pass(accepted(raw_line())[0]) is passes
