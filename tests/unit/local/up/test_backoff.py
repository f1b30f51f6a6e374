from __future__ import annotations

from sluice.local.up.backoff import LONGEST_DELAY_S, STAYED_UP_S, Backoff


def test_the_delay_doubles_from_half_a_second_to_thirty():
    backoff = Backoff()
    delays = [backoff.after_death(lived_s=1) for _ in range(8)]
    assert delays == [0.5, 1, 2, 4, 8, 16, LONGEST_DELAY_S, LONGEST_DELAY_S]


def test_a_role_that_stayed_up_a_while_is_started_again_quickly():
    backoff = Backoff()
    for _ in range(5):
        backoff.after_death(lived_s=1)
    assert backoff.after_death(lived_s=STAYED_UP_S) == 0.5
    assert backoff.after_death(lived_s=1) == 1
