"""Making raw lines of rejected events, and records of raw lines."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import factories
from tests.unit.cli.replaying.events import kept, row

from sluice.cli.replaying.lines import Outgoing, from_original, outgoing, rebuilt, records
from sluice.cli.replaying.rows import Candidate, Kept
from sluice.contract import ndjson, raw
from sluice.contract.errors import Reject
from sluice.contract.event import Api
from sluice.contract.raw import Client, Context, RawLine
from sluice.contract.routing import partition_of
from sluice.processors.decide import decide
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState

PARTITIONS = 4


def full_line(
    event: bytes = b'{ "big":123456789012345678901234567890,  "nul":"a\\u0000b" }', **changes: Any
) -> RawLine:
    """A raw line that uses every field."""
    context = Context(
        ping_id="p", header=msgspec.Raw(b'{ "a":1 }'), user_id="u", email="a@b", profile=msgspec.Raw(b'{"x": [1]}')
    )
    fields = {"key": "demo/user/u", "idempotency_key": "once", "index": 3, "context": context}
    return factories.raw_line(event, **(fields | changes))


def again(line: RawLine) -> RawLine:
    return msgspec.structs.replace(line, replay=line.replay + 1)


def test_a_line_is_rebuilt_byte_for_byte_but_for_its_replay():
    line = full_line()
    found = rebuilt(kept(line))
    assert found is not None
    assert raw.encode(found) == raw.encode(again(line))
    assert raw.encode(found).replace(b'"replay":1', b'"replay":0') == raw.encode(line)


texts = st.text(max_size=20)
json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
).map(lambda value: msgspec.Raw(json.dumps(value).encode()))


@given(
    st.builds(
        RawLine,
        id=st.uuids().map(str),
        request_id=texts,
        index=st.integers(0, 1000),
        project=texts.filter(bool),
        api=st.sampled_from(Api),
        received_at=st.integers(0, 10**12),
        key=st.none() | texts,
        idempotency_key=st.none() | texts,
        client=st.builds(Client, texts, texts),
        event=json_texts,
        context=st.builds(Context, ping_id=texts, user_id=texts, profile=json_texts),
        replay=st.integers(0, 65_534),
    )
)
def test_any_line_is_rebuilt_byte_for_byte(line: RawLine):
    found = rebuilt(kept(line))
    assert found is not None
    assert raw.encode(found) == raw.encode(again(line))


@pytest.mark.parametrize("event", [b"[1]", b'"x"', b"12"])
def test_what_the_processors_keep_of_a_rejected_line_is_all_that_is_needed(event: bytes):
    line = full_line(event)
    [decided] = decide(
        factories.raw_record(5, line), factories.TOPIC, Rulebook(Visitors(b"x")), Draft(MemoryState())
    ).lines
    assert isinstance(decided.raw_line, msgspec.Raw)
    found = rebuilt(
        Kept(Candidate(row(), 0, 0, stored=False, refusals=0), bytes(decided.raw_line), decided.payload_bytes())
    )
    assert found == again(line)


def test_line_breaks_of_an_event_that_somebody_mended_become_spaces():
    mended = kept(full_line())._replace(payload=b'{\r\n"a": 1\n}')
    found = rebuilt(mended)
    assert found is not None
    assert bytes(found.event) == b'{  "a": 1 }'


def test_an_event_that_is_kept_elsewhere_is_not_rebuilt():
    assert rebuilt(kept(full_line(), stage="sink")._replace(raw_line=b"")) is None


def test_an_event_of_which_clickhouse_takes_no_more_than_where_it_stood_is_kept_elsewhere_too():
    bare = kept(full_line(), stage="sink", outcome="invalid", project="")
    assert rebuilt(bare._replace(raw_line=b"", payload=b"null")) is None


def test_an_event_whose_payload_is_gone_is_not_looked_for():
    for raw_line in (b"", kept(full_line()).raw_line):
        with pytest.raises(Reject, match="nothing is kept"):
            rebuilt(kept(full_line())._replace(raw_line=raw_line, payload=b""))


def test_what_could_not_be_read_is_read_as_it_is_understood_today():
    line = full_line()
    unreadable = kept(line, project="", event_id=str(UUID(int=9)))._replace(raw_line=b"", payload=raw.encode(line))
    assert rebuilt(unreadable) == again(line)


def test_what_cannot_be_read_today_either_says_why():
    unreadable = kept(full_line(), project="")._replace(raw_line=b"", payload=b"\xff poison")
    with pytest.raises(Reject, match=r"^it still cannot be read: not a raw line: "):
        rebuilt(unreadable)


def test_a_line_is_sent_in_again_no_more_than_can_be_counted():
    with pytest.raises(Reject, match="65535 times"):
        rebuilt(kept(full_line(replay=65_535)))


def refused(line: RawLine, refusals: int = 0, **changes: Any) -> Candidate:
    """What the table says of a line that ClickHouse refused, and of how many of its replays it refused."""
    return kept(line, outcome="invalid", stage="sink", refusals=refusals, **changes).candidate


def test_an_original_line_comes_back_as_it_stood():
    line = full_line()
    assert from_original(refused(line), raw.encode(line)) == again(line)


def test_an_original_of_another_event_is_not_taken():
    with pytest.raises(Reject, match="another event"):
        from_original(refused(full_line(), event_id=str(UUID(int=77))), raw.encode(full_line()))


@pytest.mark.parametrize("refusals", [1, 2, 65_535])
def test_a_line_says_how_many_of_its_replays_clickhouse_refused(refusals: int):
    line = full_line(replay=1, refusals=7)  # as the table had it the last time
    for found in (rebuilt(kept(line, refusals=refusals)), from_original(refused(line, refusals), raw.encode(line))):
        assert found is not None
        assert (found.replay, found.refusals) == (2, refusals)


def test_a_line_of_which_clickhouse_refused_no_replay_says_nothing_of_it():
    line = full_line(replay=1)
    for found in (rebuilt(kept(line)), from_original(refused(line), raw.encode(line))):
        assert found is not None
        assert b"refusals" not in raw.encode(found)


def test_a_line_goes_to_the_partition_of_its_routing_key():
    for user in ("a", "b", "c", "d"):
        line = full_line(key=f"demo/user/{user}")
        assert outgoing(row(), line, PARTITIONS).partition == partition_of(f"demo/user/{user}", PARTITIONS)


def test_a_line_without_a_key_goes_to_the_partition_where_it_was():
    assert [outgoing(row(source_partition=n), full_line(key=None), PARTITIONS).partition for n in range(4)] == [
        0,
        1,
        2,
        3,
    ]


def test_a_partition_that_does_not_exist_any_more_is_no_place_to_go():
    with pytest.raises(Reject, match=r"it stood on partition 4, and events\.raw has only 4"):
        outgoing(row(source_partition=4), full_line(key=None), PARTITIONS)


@pytest.mark.parametrize("broken", [b"{", b"", b"{} {}", b'{"a":1}\n{"b":2}', b"\xff"])
def test_an_event_that_is_no_json_breaks_no_record(broken: bytes):
    with pytest.raises(Reject, match="what is kept of it is no event"):
        outgoing(row(), full_line(broken), PARTITIONS)


def sized(number: int, size: int, partition: int = 0) -> Outgoing:
    """A line that takes so many bytes of a record, with its line feed."""
    return Outgoing(row(number), full_line(), partition, b"x" * (size - 1))


def cut(*lines: Outgoing, limit: int = 10) -> list[tuple[int, list[int]]]:
    return [(record.partition, [len(line.text) + 1 for line in record.lines]) for record in records(lines, limit)]


def test_no_lines_are_no_record():
    assert cut() == []


def test_lines_share_a_record_up_to_its_limit():
    assert cut(sized(1, 5), sized(2, 5)) == [(0, [5, 5])]
    assert cut(sized(1, 5), sized(2, 6)) == [(0, [5]), (0, [6])]


def test_a_line_that_is_larger_stands_alone():
    assert cut(sized(1, 3), sized(2, 11), sized(3, 3)) == [(0, [3]), (0, [11]), (0, [3])]


def test_each_partition_has_records_of_its_own():
    assert cut(sized(1, 6, 0), sized(2, 6, 1), sized(3, 4, 0), sized(4, 6, 1)) == [(1, [6]), (0, [6, 4]), (1, [6])]


@given(st.lists(st.tuples(st.integers(2, 15), st.integers(0, 3))), st.integers(1, 20))
def test_nothing_is_lost_or_reordered_by_cutting(shape: list[tuple[int, int]], limit: int):
    lines = [sized(number, size, partition) for number, (size, partition) in enumerate(shape)]
    found = list(records(lines, limit))
    for partition in range(4):
        assert [line for record in found if record.partition == partition for line in record.lines] == [
            line for line in lines if line.partition == partition
        ]
    for record in found:
        assert len(record.lines) == 1 or len(record.value()) <= limit
        assert ndjson.split(record.value()) == [line.text for line in record.lines]
