from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import ndjson
from sluice.contract.routing import partition_of
from sluice.gateway.batching import Batcher, Line

LIMIT = 50
lines = st.builds(
    Line, st.none() | st.sampled_from("abcdef"), st.binary(min_size=1, max_size=70).map(ndjson.on_one_line)
)
requests = st.lists(st.tuples(st.lists(lines, min_size=1, max_size=8), st.booleans()), max_size=8)


def run(sent, partitions=3):
    """Feed requests, each with whether a flush follows it; give all records and the requests."""
    batcher: Batcher[int] = Batcher(partitions, LIMIT)
    records = []
    for number, (request, flush) in enumerate(sent):
        records += batcher.add(request, number)
        if flush:
            records += batcher.flush()
    records += batcher.flush()
    assert batcher.empty
    return records


@given(requests)
def test_every_line_comes_out_exactly_once(sent):
    out = sorted(line for record in run(sent) for line in record.lines)
    assert out == sorted(line.text for request, _ in sent for line in request)


@given(requests)
def test_the_lines_of_a_request_keep_their_order_within_a_partition(sent):
    for number, (request, flush) in enumerate(sent):
        for partition in range(3):
            texts = [
                line for record in run([(request, flush)]) if record.partition == partition for line in record.lines
            ]
            chosen = [
                line.text for line in request if (0 if line.key is None else partition_of(line.key, 3)) == partition
            ]
            assert texts == chosen, number


@given(requests)
def test_a_record_is_within_the_limit_or_holds_one_line(sent):
    for record in run(sent):
        assert record.size_bytes == len(record.value())
        assert record.size_bytes <= LIMIT or len(record.lines) == 1


@given(requests)
def test_a_record_counts_the_lines_of_each_of_its_requests(sent):
    counted: dict[int, int] = {}
    for record in run(sent):
        assert sum(lines for _, lines in record.owners) == len(record.lines)
        assert len({owner for owner, _ in record.owners}) == len(record.owners)
        for owner, number in record.owners:
            counted[owner] = counted.get(owner, 0) + number
    assert counted == {number: len(request) for number, (request, _) in enumerate(sent)}


@given(requests)
def test_a_routing_key_always_leads_to_its_partition(sent):
    keys = {line.text: line.key for request, _ in sent for line in request}
    if len(keys) == sum(len(request) for request, _ in sent):
        for record in run(sent):
            for text in record.lines:
                key = keys[text]
                assert key is None or record.partition == partition_of(key, 3)


def test_lines_without_a_key_share_a_partition_until_the_next_flush():
    batcher: Batcher[str] = Batcher(3, 1000)
    partitions = []
    for _ in range(4):
        assert not batcher.add([Line(None, b"a")], "x")
        assert not batcher.add([Line(None, b"b")], "y")
        (record,) = batcher.flush()
        assert record.value() == b"a\nb\n"
        partitions.append(record.partition)
    assert partitions == [0, 1, 2, 0]


def test_a_request_that_fits_into_one_record_is_not_split():
    batcher: Batcher[str] = Batcher(1, 10)
    assert not batcher.add([Line(None, b"123456")], "first")
    (full,) = batcher.add([Line(None, b"abc"), Line(None, b"def")], "second")
    assert full.owners == [("first", 1)]
    (rest,) = batcher.flush()
    assert rest.owners == [("second", 2)]


def test_a_record_may_have_exactly_the_limit():
    batcher: Batcher[str] = Batcher(1, 10)
    assert not batcher.add([Line(None, b"1234"), Line(None, b"1234")], "x")
    assert [record.value() for record in batcher.flush()] == [b"1234\n1234\n"]
    for text in (b"1234", b"1234"):
        assert not batcher.add([Line(None, text)], "x")
    assert [record.value() for record in batcher.flush()] == [b"1234\n1234\n"]


def test_a_larger_line_stands_alone():
    batcher: Batcher[str] = Batcher(1, 10)
    records = batcher.add([Line(None, b"a"), Line(None, b"x" * 99), Line(None, b"b")], "x")
    assert [record.lines for record in records] == [[b"a"], [b"x" * 99], [b"b"]]
