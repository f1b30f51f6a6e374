"""Each way in which a run may have gone wrong is told, and one that went well gives no sentence."""

from __future__ import annotations

import pytest
from tests.chaos.verification import (
    NAMED,
    Lost,
    Open,
    RawRecord,
    Sent,
    StoredOrder,
    of_coordinates,
    of_losers,
    of_markers,
    of_opens,
    of_orders,
    some,
)

TOPIC = "00000000-0000-0000-0000-00000007091c"


def sent(marker: str = "m", *, accepted: bool = True, order_id: str | None = None) -> Sent:
    return Sent(marker, accepted, order_id)


def record(offset: int, rows: int = 2, lines: int = 2, last: int = 1, partition: int = 0) -> RawRecord:
    return RawRecord(TOPIC, partition, offset, rows, lines, last)


@pytest.mark.parametrize(
    ("accepted", "rows", "found"),
    [
        (True, {"m": 1}, []),
        (True, {}, ["event m was accepted and has 0 rows"]),
        (True, {"m": 2}, ["event m was accepted and has 2 rows"]),
        (False, {}, []),
        (False, {"m": 1}, []),
        (False, {"m": 2}, ["event m was not known to be accepted and has 2 rows"]),
    ],
)
def test_an_event_is_one_row_if_it_was_accepted_and_else_one_at_most(
    accepted: bool, rows: dict[str, int], found: list[str]
):
    assert list(of_markers([sent(accepted=accepted)], rows)) == found


def test_a_row_of_an_event_that_was_never_sent_is_told():
    assert list(of_markers([sent()], {"m": 1, "other": 3})) == ["event other was never sent and has 3 rows"]


def test_rows_that_are_dense_from_their_first_record_on_are_right():
    assert list(of_coordinates([record(7), record(5), record(6, 1, 1, 0), record(0, partition=1)])) == []
    assert list(of_coordinates([])) == []


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (record(6, rows=3), f"raw record 6 of partition 0 of topic {TOPIC} has 3 rows for 2 lines"),
        (record(6, rows=4), f"raw record 6 of partition 0 of topic {TOPIC} has 4 rows for 2 lines"),
        (record(6, last=2), f"raw record 6 of partition 0 of topic {TOPIC} has 2 of its first 3 lines"),
        (record(6, rows=1, lines=1), f"raw record 6 of partition 0 of topic {TOPIC} has 1 of its first 2 lines"),
        (record(8), f"raw records 6 to 7 of partition 0 of topic {TOPIC} have no rows"),
    ],
    ids=["a line twice", "a record twice", "a line missing", "the first line missing", "a record missing"],
)
def test_what_is_not_there_once_is_told_by_its_place(wrong: RawRecord, found: str):
    beyond = record(wrong.offset + 1)
    assert found in list(of_coordinates([record(5), wrong, beyond]))


def test_partitions_and_topics_are_dense_each_by_itself():
    other_topic = record(9)._replace(topic_id="other")
    assert list(of_coordinates([record(5), record(8, partition=1), other_topic])) == []


def order(rows: int = 1, order_id: str = "o", project: str = "demo") -> StoredOrder:
    return StoredOrder(project, order_id, rows)


def test_an_order_is_stored_once_however_many_of_its_confirmations_were_accepted():
    accepted = [sent("m", order_id="o"), sent("n", order_id="o"), sent("other")]
    assert list(of_orders(accepted, [order()])) == []
    assert list(of_orders(accepted, [order(2)])) == ["order o of project demo is stored 2 times"]
    assert list(of_orders(accepted, [])) == ["order o was accepted and is not stored"]


def test_an_order_of_which_no_confirmation_was_accepted_may_be_stored_once_or_not():
    unknown = [sent(accepted=False, order_id="o")]
    assert list(of_orders(unknown, [])) == []
    assert list(of_orders(unknown, [order()])) == []
    assert list(of_orders(unknown, [order(3)])) == ["order o of project demo is stored 3 times"]


def test_two_projects_may_store_the_same_order():
    assert list(of_orders([sent(order_id="o")], [order(), order(project="load")])) == []


MINUTE = 60_000


def opens(*decided: tuple[int, str], user: str = "u") -> list[Open]:
    return [Open(0, "demo", user, str(number), at, outcome) for number, (at, outcome) in enumerate(decided)]


def test_opens_within_20_minutes_of_the_last_one_stored_are_throttled():
    limit = 20 * MINUTE
    first = [(0, "stored"), (limit - 1, "throttled"), (limit, "stored"), (2 * limit - 1, "throttled")]
    late = [(-limit, "stored"), (1, "throttled"), (2 * limit, "stored")]
    assert list(of_opens(opens(*first, *late))) == []
    assert list(of_opens([*opens((0, "stored")), *opens((1, "stored"), user="another")])) == []
    assert list(of_opens([])) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("throttled", "throttled"),
        ("stored", "stored"),
    ],
    ids=["lost to itself", "stored twice"],
)
def test_an_open_that_is_decided_as_no_single_pass_would_is_told(first: str, second: str):
    assert len(list(of_opens(opens((0, first), (1, second))))) == 1


def test_an_open_that_was_late_and_moved_the_window_is_told():
    wrong = opens((30 * MINUTE, "stored"), (0, "stored"), (21 * MINUTE, "stored"))
    assert list(of_opens(wrong)) == ["email open 2 of user u is stored, and should not be"]


def test_whoever_lost_to_an_event_without_a_row_is_told():
    assert list(of_losers([Lost("a", "b")])) == ["event a is a duplicate of b, which has no row"]


@pytest.mark.parametrize(("count", "more"), [(0, []), (NAMED, []), (NAMED + 1, ["... and 1 more of this kind"])])
def test_the_first_of_a_kind_are_named_and_the_others_counted(count: int, more: list[str]):
    sentences = [f"event {n}" for n in range(count)]
    assert some(sentences) == sentences[:NAMED] + more
