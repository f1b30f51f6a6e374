from __future__ import annotations

from typing import Any

import pytest

from sluice.gateway.users.mark import LONGEST_ABSENCE_MS, LogState, Mark, Stale, refuse_absence, refuse_stale

NOW = 1_795_000_000_000
LOG = LogState("id-1", {0: range(10, 100), 1: range(50)})


def mark(**changes: Any) -> Mark:
    fields: dict[str, Any] = {"topic_id": "id-1", "complete_at": NOW, "next_offsets": {0: 40, 1: 50}}
    return Mark(**(fields | changes))


@pytest.mark.parametrize("next_offsets", [{0: 40, 1: 50}, {0: 10, 1: 0}, {0: 100, 1: 50}, {0: 40}, {}])
def test_a_mark_within_the_log_can_be_continued(next_offsets):
    refuse_stale(mark(next_offsets=next_offsets), LOG, NOW)


def test_another_topic_of_the_same_name_is_stale():
    with pytest.raises(Stale, match="made anew"):
        refuse_stale(mark(topic_id="id-2"), LOG, NOW)


@pytest.mark.parametrize(
    ("next_offsets", "words"),
    [
        ({0: 101}, "partition 0 ends at 100, and was read up to 101"),
        ({1: 51}, "partition 1 ends at 50, and was read up to 51"),
        ({0: 9}, "partition 0 starts at 10, and was read up to 9"),
        ({2: 1}, "partition 2 ends at 0, and was read up to 1"),
    ],
)
def test_a_mark_outside_the_log_is_stale(next_offsets, words):
    with pytest.raises(Stale, match=words):
        refuse_stale(mark(next_offsets=next_offsets), LOG, NOW)


def test_who_was_away_for_so_long_that_a_forgetting_may_be_gone_is_stale():
    refuse_stale(mark(complete_at=NOW - LONGEST_ABSENCE_MS + 1), LOG, NOW)
    with pytest.raises(Stale, match="last complete 12 hours ago"):
        refuse_stale(mark(complete_at=NOW - LONGEST_ABSENCE_MS), LOG, NOW)


def test_a_clock_that_was_set_back_a_little_does_no_harm():
    refuse_absence(NOW, NOW - 60_000)
    with pytest.raises(Stale):
        refuse_absence(NOW, NOW - LONGEST_ABSENCE_MS)
