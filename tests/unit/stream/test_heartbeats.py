"""A worker whose heartbeats have ended holds still, and ends where it is the only one that hears nothing."""

from __future__ import annotations

import pytest

from sluice.contract.errors import Fenced
from sluice.stream.heartbeats import TICKS, Heartbeats, watch

SESSION_S = 10.0
REBALANCE_IN_PROGRESS = 27
GONE = {"ILLEGAL_GENERATION": 22, "UNKNOWN_MEMBER_ID": 25, "FENCED_INSTANCE_ID": 82}


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def member(clock: Clock) -> Heartbeats:
    heartbeats = Heartbeats(SESSION_S, clock)
    heartbeats.synced(0)
    return heartbeats


def test_before_the_first_join_a_worker_is_no_member():
    assert not Heartbeats(SESSION_S, Clock()).is_member


def test_a_join_makes_a_member():
    assert member(Clock()).is_member


def test_a_join_that_failed_makes_none():
    heartbeats = Heartbeats(SESSION_S, Clock())
    heartbeats.synced(REBALANCE_IN_PROGRESS)
    assert not heartbeats.is_member


@pytest.mark.parametrize(("age_s", "is_member"), [(0.0, True), (SESSION_S, True), (SESSION_S + 0.001, False)])
def test_membership_lasts_for_a_session_time_out_after_the_last_heartbeat(age_s: float, is_member: bool):
    clock = Clock()
    heartbeats = member(clock)
    clock.time += 100
    heartbeats.beat(clock.time, 0)
    clock.time += age_s
    assert heartbeats.is_member is is_member


def test_a_heartbeat_counts_from_when_it_was_sent_however_late_its_answer_is_read():
    clock = Clock()
    heartbeats = member(clock)
    sent_at = heartbeats.now()
    clock.time += SESSION_S + 1
    heartbeats.beat(sent_at, 0)
    assert not heartbeats.is_member


def test_while_the_group_rebalances_a_member_is_one_still():
    clock = Clock()
    heartbeats = member(clock)
    clock.time += SESSION_S + 1
    heartbeats.beat(clock.time, REBALANCE_IN_PROGRESS)
    assert heartbeats.is_member


@pytest.mark.parametrize("error_code", GONE.values(), ids=GONE.keys())
def test_who_is_told_that_it_was_removed_is_no_member_from_then_on(error_code: int):
    clock = Clock()
    heartbeats = member(clock)
    heartbeats.beat(clock.time, error_code)
    assert not heartbeats.is_member
    heartbeats.synced(0)
    assert heartbeats.is_member


@pytest.mark.parametrize("error_code", [14, 15, 16])
def test_a_coordinator_that_cannot_tell_changes_nothing(error_code: int):
    clock = Clock()
    heartbeats = member(clock)
    heartbeats.beat(clock.time, error_code)
    assert heartbeats.is_member
    clock.time += SESSION_S + 1
    heartbeats.beat(clock.time, error_code)
    assert not heartbeats.is_member


class Enough(Exception):
    """The watch has gone on for as long as the test looks."""


class Watched:
    """A watch whose ticks follow a script: what happens before each of them."""

    def __init__(self) -> None:
        self.heartbeats = Heartbeats(SESSION_S, Clock())
        self.kafka_is_there = True
        self.probes = 0
        self.ticks = 0
        self.slept_s = 0.0

    def at_tick(self, tick: int) -> None:
        """Do what happens before this tick, counted from 1."""

    async def until(self, ticks: int) -> int:
        """Give the tick at which the watch ended the worker; 0 where it did not in so many."""

        async def sleep(seconds: float) -> None:
            if self.ticks == ticks:
                raise Enough
            self.ticks += 1
            self.slept_s += seconds
            self.at_tick(self.ticks)

        try:
            await watch(self.heartbeats, self._kafka_answers, sleep)
        except Fenced:
            return self.ticks
        except Enough:
            pass
        return 0

    async def _kafka_answers(self) -> bool:
        self.probes += 1
        return self.kafka_is_there


class Silent(Watched):
    """Joins before the first tick, and hears nothing more."""

    def at_tick(self, tick: int) -> None:
        if tick == 1:
            self.heartbeats.synced(0)


LONG = 50 * TICKS
END = 1 + 2 * TICKS
"""The tick at which silence since the first one ends a worker."""


async def test_silence_while_kafka_answers_ends_the_worker_after_two_session_time_outs():
    worker = Silent()
    assert await worker.until(LONG) == END
    assert worker.slept_s == pytest.approx(END * SESSION_S / TICKS)


async def test_kafka_is_asked_only_after_a_session_time_out_of_silence():
    worker = Silent()
    assert await worker.until(1 + TICKS) == 0
    assert worker.probes == 0
    worker = Silent()
    assert await worker.until(2 + TICKS) == 0
    assert worker.probes == 1


async def test_while_kafka_is_away_a_worker_waits_for_ever():
    worker = Silent()
    worker.kafka_is_there = False
    assert await worker.until(LONG) == 0


async def test_once_kafka_is_back_the_consumer_has_a_session_time_out_to_find_it():
    class AwayForLong(Silent):
        def at_tick(self, tick: int) -> None:
            super().at_tick(tick)
            self.kafka_is_there = tick > 100

    assert await AwayForLong().until(LONG) == 100 + TICKS


async def test_a_kafka_that_comes_and_goes_does_not_end_a_worker():
    class Flickering(Silent):
        def at_tick(self, tick: int) -> None:
            super().at_tick(tick)
            self.kafka_is_there = tick % TICKS != 0

    assert await Flickering().until(LONG) == 0


@pytest.mark.parametrize("error_code", [0, *GONE.values(), 14, 15, 16, REBALANCE_IN_PROGRESS])
async def test_any_answer_to_a_heartbeat_breaks_the_silence(error_code: int):
    class Rarely(Silent):
        def at_tick(self, tick: int) -> None:
            super().at_tick(tick)
            if tick % (END - 1) == 0:
                self.heartbeats.beat(0.0, error_code)

    assert await Rarely().until(LONG) == 0


async def test_an_answer_that_comes_while_kafka_is_asked_is_in_time():
    class AtTheLastMoment(Silent):
        async def _kafka_answers(self) -> bool:
            if self.ticks == END:
                self.heartbeats.beat(0.0, 0)
            return await super()._kafka_answers()

    assert await AtTheLastMoment().until(END) == 0


async def test_before_the_coordinators_first_answer_nothing_is_judged():
    assert await Watched().until(LONG) == 0


async def test_who_waits_for_the_other_members_is_not_silent():
    class Joining(Silent):
        def at_tick(self, tick: int) -> None:
            super().at_tick(tick)
            if tick == 2:
                self._waiting = self.heartbeats.waiting_for_members()
                self._waiting.__enter__()
            if tick == 200:
                self._waiting.__exit__(None, None, None)

    assert await Joining().until(LONG) == 199 + 2 * TICKS
