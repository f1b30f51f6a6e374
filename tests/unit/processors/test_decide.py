"""Every raw line gets exactly one decision, whatever it holds."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOW, TOPIC, pulse_event, raw_line, raw_record

from sluice.contract import ndjson, processed, raw
from sluice.contract.errors import Retry, Unusable
from sluice.contract.event import LATEST_MS, Api, Outcome, Stage
from sluice.contract.ndjson import MAX_LINES
from sluice.contract.topics import MIB, RAW_MAX_BYTES
from sluice.processors import decide as deciding
from sluice.processors.decide import RESULTS_BYTES, TOO_LARGE
from sluice.processors.pack import pack
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft, Entry
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.processed import Processed

RULES = Rulebook(Visitors(b"secret"))


def decide(record: Record) -> Sequence[Processed]:
    return deciding.decide(record, TOPIC, RULES, Draft(MemoryState())).lines


def sent_again(decided: Processed) -> raw.RawLine:
    assert decided.raw_line is not msgspec.UNSET
    return raw.decode(bytes(decided.raw_line))


def decide_value(value: bytes) -> Sequence[Processed]:
    return decide(Record(3, 17, NOW, value))


def test_each_line_is_decided_once_and_tells_where_it_stood():
    decided = decide(raw_record(17, *(raw_line(number=n) for n in range(3)), partition=3))
    assert [(d.source.topic, d.source.partition, d.source.offset, d.source.line) for d in decided] == [
        (TOPIC, 3, 17, 0),
        (TOPIC, 3, 17, 1),
        (TOPIC, 3, 17, 2),
    ]
    assert [d.event.event_id for d in decided] == [str(UUID(int=n)) for n in range(3)]
    assert {d.outcome for d in decided} == {Outcome.STORED}


def test_the_payload_is_what_was_sent_byte_for_byte():
    sent = b'{"site_id" : "s", "event_type":"e","timestamp":1,"session_id":"\\u0000x", "n":1e999}'
    [decided] = decide(raw_record(0, raw_line(sent)))
    assert decided.payload_bytes() == sent
    assert processed.decode(processed.encode(decided)).payload_bytes() == sent


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param(b"", id="an empty record"),
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"{}", id="an object without the members"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b'{"id":"\xc3\x28"}', id="broken UTF-8 in a string"),
        pytest.param(b"null", id="null"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_with_its_bytes(poison: bytes):
    [decided] = decide_value(poison)
    assert (decided.outcome, decided.stage) == (Outcome.INVALID, Stage.PROCESSOR)
    assert decided.reason.startswith("not a raw line: ")
    assert decided.payload_bytes() == poison
    UUID(decided.event.event_id)


@pytest.mark.parametrize(
    ("member", "foreign"),
    [
        ("id", "17"),
        ("id", "01A1FD89-0423-7260-BD3A-D9289815D1EE"),
        ("replay", 65_536),
        ("replay", -1),
        ("index", -1),
        ("received_at", -1),
        ("received_at", 10_413_792_000_000),
    ],
)
def test_a_well_formed_line_that_no_column_holds_is_rejected_and_not_passed_on(member: str, foreign: object):
    line = json.dumps(json.loads(raw.encode(raw_line())) | {member: foreign}).encode()
    [decided] = decide_value(line)
    assert (decided.outcome, decided.payload_bytes()) == (Outcome.INVALID, line)
    assert processed.decode(processed.encode(decided)) == decided


@pytest.mark.parametrize("timestamp", [-1, 10_413_792_000_000, 1e300])
def test_a_time_that_no_column_holds_is_rejected(timestamp: float):
    [decided] = decide(raw_record(0, raw_line(pulse_event(timestamp=timestamp))))
    assert decided.outcome == Outcome.INVALID
    assert "is not between 1970 and 2299" in decided.reason


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            raw_line(pulse_event(consent="denied"), client=raw.Client("192.0.2.1", "Googlebot/2.1")), id="a bot"
        ),
        pytest.param(raw_line(b'{"timestamp":-1,"consent":"denied"}'), id="an invalid event"),
    ],
)
def test_what_is_kept_to_be_sent_again_has_no_address_of_who_denies_consent(line: raw.RawLine):
    [decided] = decide(raw_record(0, line))
    assert decided.outcome in deciding.REPLAYABLE
    assert sent_again(decided) == msgspec.structs.replace(
        line, event=msgspec.Raw(b"null"), client=raw.Client("", line.client.user_agent)
    )


@pytest.mark.parametrize(
    "sent", [b'{"timestamp":-1}', b'["consent"]', b'"consent"', b'{"timestamp":-1,"consent":"granted"}']
)
def test_what_is_kept_to_be_sent_again_has_the_address_of_who_does_not_deny_consent(sent: bytes):
    [decided] = decide(raw_record(0, raw_line(sent)))
    assert decided.outcome == Outcome.INVALID
    assert sent_again(decided).client.ip == "192.0.2.1"


def test_poison_between_good_lines_costs_only_itself():
    value = ndjson.join([raw.encode(raw_line(number=1)), b"poison", raw.encode(raw_line(number=2))])
    assert [d.outcome for d in decide_value(value)] == [Outcome.STORED, Outcome.INVALID, Outcome.STORED]


def noise(length: int) -> bytes:
    """Give bytes that mean nothing, with every byte among them."""
    return Random(7).randbytes(length)


def of_lines(line: bytes, length: int = RAW_MAX_BYTES) -> bytes:
    """Give so many lines as a record may have, each beginning alike, which fill so many bytes."""
    return b"\n".join([line + b"x" * (length // MAX_LINES - len(line) - 1)] * MAX_LINES)


def test_the_rest_of_a_record_with_too_many_lines_is_one_line_that_cannot_be_read():
    value = ndjson.join([raw.encode(raw_line())] * (MAX_LINES + 1))
    decided = decide_value(value)
    assert len(decided) == MAX_LINES
    assert [line.outcome for line in decided[-2:]] == [Outcome.STORED, Outcome.INVALID]
    assert decided[-1].reason == "not a raw line: its record has more than 10,000 lines"
    assert decided[-1].payload_bytes() == ndjson.join([raw.encode(raw_line())] * 2).removesuffix(b"\n")


def test_a_rest_that_is_one_event_with_line_breaks_is_not_taken_for_it():
    pretty = json.dumps(json.loads(raw.encode(raw_line())), indent=1).encode()
    [*_, last] = decide_value(b"\n" * (MAX_LINES - 1) + pretty)
    assert (last.outcome, last.payload_bytes()) == (Outcome.INVALID, pretty)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(noise(RAW_MAX_BYTES), id="noise"),
        pytest.param(b"\n" * MIB, id="1 MiB of line feeds"),
        pytest.param(b"\n" * RAW_MAX_BYTES, id="as many line feeds as a record holds"),
        pytest.param(of_lines(b"{"), id="lines that are no JSON"),
        pytest.param(
            of_lines(b'{"api":"' + "\N{PILE OF POO}".encode() * 250 + b'"}'), id="lines that a reason quotes"
        ),
        pytest.param(of_lines(b'{"api":"' + b"\\\\" * 500 + b'"}'), id="lines that a reason quotes in escapes"),
    ],
)
def test_the_results_of_any_record_fit_into_one(value: bytes):
    record = Record(2**31 - 1, 2**63 - 1, LATEST_MS, value)
    decided = decide(record)
    (packed,) = pack([decided])
    assert len(packed) <= RESULTS_BYTES
    assert b"\n".join(line.payload_bytes() for line in decided) == value.removesuffix(b"\n")


def test_unreadable_lines_have_event_ids_of_their_own():
    ids = {d.event.event_id for d in [*decide_value(b"a\nb\n"), *decide(Record(3, 18, NOW, b"a\n"))]}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(b'{"timestamp":"yesterday"}', id="a rule raises on a member"),
        pytest.param(b"[]", id="the event is no object"),
        pytest.param(b'{"timestamp":1e999}', id="a number that no column holds"),
    ],
)
def test_an_event_on_which_a_rule_fails_is_rejected_with_the_reason(event: bytes):
    [decided] = decide(raw_record(0, raw_line(event)))
    assert (decided.outcome, decided.stage) == (Outcome.INVALID, Stage.PROCESSOR)
    assert decided.reason.startswith("a rule failed on this event: ")
    assert decided.payload_bytes() == event
    assert decided.event.event_id == raw_line().id


class Wordy(Visitors):
    """A rule that fails, and quotes all it has."""

    def visitor_id(self, project: str, user_id: str, anonymous_id: str) -> int:
        raise ValueError(user_id + "x" * 2_000_000)


def test_what_a_rule_raises_is_cut():
    state = Draft(MemoryState())
    [decided] = deciding.decide(raw_record(0, raw_line()), TOPIC, Rulebook(Wordy(b"secret")), state).lines
    assert decided.reason == "a rule failed on this event: ValueError: " + "x" * (1000 - len("ValueError: "))


def test_an_api_without_a_reader_is_rejected_rather_than_lost():
    [decided] = decide(raw_record(0, raw_line(api=Api.CLIENT)))
    assert decided.outcome == Outcome.INVALID


@given(st.binary())
def test_any_bytes_give_at_least_one_decision_for_each_line_and_the_same_one_again(value: bytes):
    decided = decide_value(value)
    assert len(decided) == len(ndjson.split(value)) >= 1
    assert decided == decide_value(value)
    assert [processed.decode(processed.encode(d)) for d in decided] == decided


def test_time_is_the_envelopes_where_the_event_has_none():
    [decided] = decide(raw_record(0, raw_line(pulse_event(timestamp=...))))
    assert decided.event.timestamp == decided.event.received_at == NOW


ORDER = "demo/order/A-17"


def confirmation(number: int, **sent: object) -> raw.RawLine:
    event = {"type": "confirmation", "orderId": "A-17"} | sent
    return raw_line(event, api=Api.EVENTS, key=ORDER, number=number)


def test_lines_of_one_batch_see_what_those_before_them_left():
    draft = Draft(MemoryState())
    records = [raw_record(offset, confirmation(offset)) for offset in (1, 2)]
    first, second = (deciding.decide(record, TOPIC, RULES, draft).lines[0] for record in records)
    assert (first.outcome, second.outcome) == (Outcome.STORED, Outcome.DUPLICATE)
    assert second.duplicate_of == first.event.event_id


def test_a_line_on_which_a_rule_fails_leaves_nothing_behind():
    draft = Draft(MemoryState())
    record = raw_record(0, confirmation(1, timestamp="yesterday"), confirmation(2))
    decided = deciding.decide(record, TOPIC, RULES, draft)
    assert [line.outcome for line in decided.lines] == [Outcome.INVALID, Outcome.STORED]
    assert decided.raised == 1


def test_deciding_changes_the_draft_alone():
    committed = MemoryState()
    draft = Draft(committed)
    deciding.decide(raw_record(0, confirmation(1)), TOPIC, RULES, draft)
    assert len(draft.changes) == 1
    assert committed.entries == {}


def large_confirmation(number: int, quotes: int, spaces: int = 0) -> raw.RawLine:
    """Make a confirmation of which each quote takes six bytes when it is decided, and each space one."""
    sent = b'{"type":"confirmation","orderId":"A-17","a":["%s"]%s}' % (b'\\"' * quotes, b" " * spaces)
    return raw_line(sent, api=Api.EVENTS, key=ORDER, number=number)


def size(decided: Sequence[Processed]) -> int:
    return sum(map(len, pack([decided])))


def test_what_does_not_fit_by_a_byte_is_rejected_and_can_be_sent_in_again():
    quotes = (RESULTS_BYTES - 10_000) // 6
    room = RESULTS_BYTES - size(decide(raw_record(0, large_confirmation(1, quotes))))
    assert room > 0
    [fits] = decide(raw_record(0, large_confirmation(1, quotes, room)))
    assert (fits.outcome, size([fits])) == (Outcome.STORED, RESULTS_BYTES)
    line = large_confirmation(1, quotes, room + 1)
    [rejected] = decide(raw_record(0, line))
    assert (rejected.outcome, rejected.stage, rejected.reason) == (Outcome.INVALID, Stage.PROCESSOR, TOO_LARGE)
    assert (rejected.event.properties, rejected.user_change) == ({}, None)
    assert rejected.payload_bytes() == bytes(line.event)
    assert rejected.raw_line == msgspec.Raw(raw.encode(msgspec.structs.replace(line, event=msgspec.Raw(b"null"))))


def test_what_does_not_fit_leaves_nothing_behind_and_takes_nothing_away():
    draft = Draft(MemoryState())
    other = confirmation(1)
    deciding.decide(raw_record(1, msgspec.structs.replace(other, key="demo/order/B"), other), TOPIC, RULES, draft)
    before = dict(draft.changes)
    too_large = msgspec.structs.replace(large_confirmation(2, 6 * MIB), key="demo/order/C")
    decided = deciding.decide(raw_record(2, too_large), TOPIC, RULES, draft)
    assert (decided.lines[0].reason, decided.raised) == (TOO_LARGE, 0)
    assert draft.changes == before != {}


def test_of_lines_that_fit_each_but_not_together_none_is_stored():
    lines = [large_confirmation(number, 2 * MIB) for number in range(3)]
    value = ndjson.join([*map(raw.encode, lines), b"poison"])
    decided = decide_value(value)
    assert [line.reason for line in decided[:3]] == [TOO_LARGE] * 3
    assert decided[3].payload_bytes() == b"poison"
    assert size(decided) <= RESULTS_BYTES


def test_rejected_lines_fit_together_whatever_they_are():
    line = raw_line(b"0", request_id="r" * (RAW_MAX_BYTES // MAX_LINES - 215), client=raw.Client())
    value = ndjson.join([raw.encode(line)] * MAX_LINES)
    assert 0 <= RAW_MAX_BYTES - len(value) < 10 * MAX_LINES
    assert size(decide_value(value)) <= RESULTS_BYTES


def test_a_record_of_many_events_fits_however_much_is_said_of_each():
    line = raw.encode(raw_line(b"{}", request_id="", project="", received_at=0, client=raw.Client()))
    value = ndjson.join([line] * (raw.RECORD_BYTES // (len(line) + 1)))
    state = Draft(MemoryState())
    decided = deciding.decide(Record(0, 0, NOW, value), TOPIC, Rulebook(Wordy(b"secret")), state)
    assert decided.raised == len(decided.lines) > 5000
    assert decided.lines[0].reason.endswith("xxx")
    assert size(decided.lines) <= RESULTS_BYTES


class _Unreadable(MemoryState):
    def get(self, key: bytes) -> Entry | None:
        raise OSError("the disk is gone")


def test_a_state_that_cannot_be_read_is_no_events_fault():
    with pytest.raises(Retry, match="the state cannot be read: OSError"):
        deciding.decide(raw_record(0, confirmation(1)), TOPIC, RULES, Draft(_Unreadable()))


class _Newer(MemoryState):
    def get(self, key: bytes) -> Entry | None:
        return Entry(b"\xff")


def test_a_state_of_a_newer_version_is_no_events_fault():
    with pytest.raises(Unusable, match="newer version"):
        deciding.decide(raw_record(0, confirmation(1)), TOPIC, RULES, Draft(_Newer()))
