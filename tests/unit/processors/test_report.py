"""What people are told: rejected events by kind, once a minute."""

from __future__ import annotations

import logging

import pytest
from tests.factories import processed_line

from sluice.contract.event import Outcome
from sluice.processors.alarm import Counted
from sluice.processors.report import Pause, Report, failing_rules, kind_of


class Told:
    def __init__(self) -> None:
        self.seconds = 1000.0
        self.said: list[str] = []
        self.report = Report(lambda: self.seconds, self.said.append)

    def reject(self, outcome: Outcome, times: int = 1, reason: str = "") -> None:
        line = processed_line(outcome=outcome, reason=reason)
        self.report.committed(0, [line] * times)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def _every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_stored_events_are_nothing_to_tell(told: Told, caplog: pytest.LogCaptureFixture):
    told.reject(Outcome.STORED)
    assert caplog.messages == []


def test_rejected_events_are_told_by_kind(told: Told, caplog: pytest.LogCaptureFixture):
    lines = [processed_line(outcome=Outcome.DUPLICATE)] * 2 + [processed_line(outcome=Outcome.BOT)]
    told.report.committed(0, lines)
    assert caplog.messages == ["rejected: 1 bot, 2 duplicate"]


def test_a_minute_is_told_together(told: Told, caplog: pytest.LogCaptureFixture):
    told.reject(Outcome.BOT)
    told.seconds += 59
    told.reject(Outcome.BOT, times=3)
    assert caplog.messages == ["rejected: 1 bot"]
    told.seconds += 1
    told.reject(Outcome.STORED)
    assert caplog.messages == ["rejected: 1 bot", "rejected: 3 bot"]


def test_each_event_is_told_once(told: Told, caplog: pytest.LogCaptureFixture):
    told.reject(Outcome.BOT)
    told.seconds += 60
    told.reject(Outcome.STORED)
    assert caplog.messages == ["rejected: 1 bot"]


@pytest.mark.parametrize(
    ("outcome", "reason", "kind"),
    [
        (Outcome.DUPLICATE, "order 7 was confirmed before: event x", "duplicate"),
        (Outcome.INVALID, "not a raw line: JSON is malformed: invalid character", "invalid (not a raw line)"),
        (Outcome.INVALID, "a rule failed on this event: KeyError: 'a'", "invalid (a rule failed on this event)"),
    ],
)
def test_a_kind_names_no_order_and_no_event(outcome: Outcome, reason: str, kind: str):
    assert kind_of(processed_line(outcome=outcome, reason=reason)) == kind


def test_a_pause_is_told_each_time_and_its_end_once(told: Told, caplog: pytest.LogCaptureFixture):
    pause = failing_rules(0, 17, Counted(64, 24), "an-id", "ValueError")
    told.report.paused(pause, 10.0)
    told.report.paused(pause, 10.0)
    told.reject(Outcome.STORED, times=2)
    told.reject(Outcome.STORED)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [error.message.partition(":")[0] for error in errors] == ["partition 0 is paused at offset 17"] * 2
    assert caplog.messages[2:] == ["partition 0 goes on"]
    assert told.said[2:] == ["partition 0 goes on", ""]


def test_another_partition_does_not_end_a_pause(told: Told):
    told.report.paused(failing_rules(1, 17, Counted(64, 24), "an-id", "ValueError"), 10.0)
    told.reject(Outcome.STORED)
    assert len(told.said) == 1


def test_what_is_said_last_names_all_that_are_paused_now(told: Told):
    told.report.paused(failing_rules(8, 17, Counted(64, 24), "an-id", "ValueError"), 10.0)
    told.report.paused(failing_rules(1, 17, Counted(64, 24), "an-id", "ValueError"), 10.0)
    told.report.committed(8, [])
    assert [words.partition(":")[0] for words in told.said] == [
        "partition 8 is paused",
        "partitions 1, 8 are paused",
        "partition 8 goes on",
        "partition 1 is paused",
    ]


def test_what_is_said_last_names_no_partition_that_was_given_up(told: Told):
    told.report.given_up(0)
    assert told.said == []
    told.report.paused(failing_rules(0, 17, Counted(64, 24), "an-id", "ValueError"), 10.0)
    told.report.given_up(0)
    assert told.said[1:] == [""]


def test_what_was_raised_stays_on_one_line_and_is_cut(told: Told, caplog: pytest.LogCaptureFixture):
    told.report.paused(failing_rules(0, 17, Counted(64, 24), "an-id", "two\nlines" + 10_000 * "x"), 10.0)
    assert "\n" not in caplog.messages[0]
    assert len(caplog.messages[0]) < 1500


def test_a_pause_says_why_and_what_to_do(told: Told, caplog: pytest.LogCaptureFixture):
    told.report.paused(Pause(3, 17, "the raw log was cut back", "it ends too early; restore it"), 10.0)
    assert caplog.text.endswith(
        "partition 3 is paused at offset 17: it ends too early; restore it. "
        "What comes from there on is kept, and waits. Trying again in 10 s\n"
    )
    assert told.said == ["partition 3 is paused: the raw log was cut back, see the log"]


def test_what_is_said_names_a_cause_only_where_it_is_that_of_all(told: Told):
    told.report.paused(failing_rules(1, 17, Counted(64, 24), "an-id", "ValueError"), 10.0)
    told.report.paused(Pause(2, 17, "the raw log was cut back", "restore it"), 10.0)
    told.report.given_up(1)
    assert told.said[1:] == [
        "partitions 1, 2 are paused: for different reasons, see the log",
        "partition 2 is paused: the raw log was cut back, see the log",
    ]
