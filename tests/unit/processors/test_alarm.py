"""The alarm: too many of a minute's events on which rules fail, at, below and above the bound."""

from __future__ import annotations

import pytest

from sluice.processors.alarm import Alarm, Bound, Counted


class Watched:
    """An alarm with a clock that a test moves."""

    def __init__(self, percent: float = 5.0, events: int = 20) -> None:
        self.seconds = 1000.0
        self.alarm = Alarm(Bound(percent, events), lambda: self.seconds)

    def passes(self, decided: int, raised: int) -> bool:
        """Judge a batch, and commit it if it may pass."""
        if self.alarm.rings(Counted(decided, raised)):
            return False
        self.alarm.count(Counted(decided, raised))
        return True


@pytest.mark.parametrize(
    ("decided", "raised", "passes"),
    [
        (1000, 0, True),
        (1000, 49, True),
        (1000, 50, True),  # exactly 5 percent
        (1000, 51, False),
        (1_000_000, 50_000, True),
        (1_000_000, 50_001, False),
        (1, 1, True),
        (19, 19, True),
        (20, 20, False),
        (400, 20, True),
        (399, 20, False),
    ],
)
def test_it_rings_above_five_percent_of_at_least_twenty(decided: int, raised: int, passes: bool):
    assert Watched().passes(decided, raised) == passes


def test_at_a_hundred_percent_it_never_rings():
    assert Watched(percent=100).passes(1000, 1000)


def test_at_zero_percent_it_rings_as_soon_as_there_are_so_many():
    watched = Watched(percent=0, events=2)
    assert watched.passes(1_000_000, 1)
    assert not watched.passes(1, 1)


def test_it_tells_the_minutes_counts_with_the_batch():
    watched = Watched()
    assert watched.passes(100, 4)
    assert watched.alarm.rings(Counted(50, 20)) == Counted(150, 24)


def test_batches_of_one_minute_count_together():
    watched = Watched()
    assert all(watched.passes(1, 1) for _ in range(19))
    assert not watched.passes(1, 1)


def test_good_events_of_the_minute_make_up_for_bad_ones():
    watched = Watched()
    assert watched.passes(580, 0)
    watched.seconds += 59
    assert watched.passes(20, 20)


def test_good_events_of_the_minute_before_do_not():
    watched = Watched()
    assert watched.passes(580, 0)
    watched.seconds += 60
    assert not watched.passes(20, 20)


def test_bad_events_of_the_minute_before_are_forgotten():
    watched = Watched()
    assert watched.passes(19, 19)
    watched.seconds += 60
    assert watched.passes(19, 19)


def test_a_batch_that_was_judged_but_not_committed_does_not_count():
    watched = Watched()
    for _ in range(100):
        assert watched.alarm.rings(Counted(19, 19)) is None
    assert watched.passes(19, 19)


def test_it_rings_on_however_often_the_batch_is_tried_and_however_long_that_takes():
    watched = Watched()
    assert watched.passes(19, 19)
    for _ in range(100):
        watched.seconds += 10
        assert not watched.passes(1, 1)


def test_it_stops_once_no_rule_fails():
    watched = Watched()
    assert not watched.passes(64, 64)
    watched.seconds += 10
    assert watched.passes(64, 0)
    assert watched.passes(19, 19)


def test_the_minute_goes_on_after_a_pause_where_it_stood():
    watched = Watched()
    assert watched.passes(10, 10)
    watched.seconds += 30
    assert not watched.passes(10, 10)
    watched.seconds += 3600
    assert watched.passes(10, 9)
    assert not watched.passes(1, 1)
    watched.seconds += 3600
    assert watched.passes(1, 0)
    watched.seconds += 30
    assert watched.passes(1, 1)  # the first ten are a minute of work ago


def test_a_batch_on_which_no_rule_fails_passes_whatever_the_minute_was():
    watched = Watched()
    assert watched.passes(1000, 0)
    watched.seconds += 30
    assert watched.passes(100, 40)
    watched.seconds += 30
    assert watched.passes(1, 0)


def test_a_million_events_in_a_minute_cost_a_counter_for_each_second():
    watched = Watched()
    for _ in range(60_000):
        watched.seconds += 0.001
        assert watched.passes(17, 0)
    assert len(watched.alarm._seconds) <= 61
