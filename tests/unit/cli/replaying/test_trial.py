"""Trying today's rules on events, without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests import factories
from tests.unit.cli.replaying.events import row

from sluice.cli.replaying.lines import outgoing
from sluice.cli.replaying.trial import Trial
from sluice.contract import ndjson
from sluice.contract.durations import DAY_MS
from sluice.contract.projects import Project
from sluice.contract.raw import Client
from sluice.processors.decide import decide
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from sluice.cli.replaying.lines import Outgoing

CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
RULES = Rulebook(Visitors(b"x"))


def replayed(number: int = 1, *, order: str | None = None, **changes: Any) -> Outgoing:
    sent = factories.pulse_event(event_type="confirmation", orderId=order) if order else factories.pulse_event()
    key = f"demo/order/{order}" if order else None
    line = factories.raw_line(sent, number=number, replay=1, **{"key": key} | changes)
    return outgoing(row(number), line, 4)


def a_trial(rules: Rulebook = RULES, now_ms: int = factories.NOW) -> Trial:
    return Trial(rules, now_ms)


def outcomes(trial: Trial, *events: Outgoing) -> list[str]:
    return [trial.decide(event).outcome for event in events]


def crawler(**changes: Any) -> Outgoing:
    return replayed(client=Client("192.0.2.1", CRAWLER), **changes)


def test_a_bot_stays_one_as_long_as_bots_are_rejected():
    decision = a_trial().decide(crawler())
    assert decision.outcome == "bot"
    assert "Googlebot" in decision.reason


def test_a_bot_is_stored_where_its_project_keeps_bots():
    assert outcomes(a_trial(Rulebook(Visitors(b"x"), {"demo": Project(bots="keep")})), crawler()) == ["stored"]


def test_events_that_are_tried_compete_as_they_would_when_they_are_sent():
    one, two, other = replayed(1, order="A"), replayed(2, order="A"), replayed(3, order="B")
    assert outcomes(a_trial(), one, two, other) == ["stored", "duplicate", "stored"]


def test_an_event_that_is_tried_twice_is_stored_once():
    assert outcomes(a_trial(), replayed(1), replayed(1)) == ["stored", "duplicate"]


def test_rules_ask_for_what_they_remember_of_an_event():
    """What is asked for is all that deciding needs: with it a trial decides as the processors would."""
    first, second = replayed(1, order="A"), replayed(2, order="A")
    state = MemoryState()
    draft = Draft(state)
    decide(factories.raw_record(0, first.line, partition=first.partition), factories.TOPIC, RULES, draft)
    state.apply(draft.changes)

    trial = a_trial()
    trial.ask(second)
    asked = trial.asked[second.partition]
    assert trial.asked.keys() == {second.partition}
    assert draft.changes.keys() & asked
    trial.begin(second.partition, {key: entry for key in asked if (entry := state.get(key))})
    decision = trial.decide(second)
    assert (decision.outcome, decision.duplicate_of) == ("duplicate", first.line.id)


@pytest.mark.parametrize(("later_ms", "outcome"), [(2 * DAY_MS, "duplicate"), (2 * DAY_MS + 1, "stored")])
def test_what_is_forgotten_by_now_is_not_found_by_what_would_be_sent_now(later_ms: int, outcome: str):
    """However long ago the event was received: it would be written now, and is decided by that."""
    first, second = (replayed(number, key="demo/id/k", idempotency_key="k") for number in (1, 2))
    state = MemoryState()
    draft = Draft(state)
    decide(factories.raw_record(0, first.line, partition=first.partition), factories.TOPIC, RULES, draft)
    state.apply(draft.changes)

    trial = a_trial(now_ms=factories.NOW + later_ms)
    trial.begin(second.partition, state.entries)
    assert outcomes(trial, second) == [outcome]

    sent = Record(second.partition, 1, factories.NOW + later_ms, ndjson.join([second.text]))
    [line] = decide(sent, factories.TOPIC, RULES, Draft(state)).lines
    assert line.outcome == outcome


def test_an_event_that_rules_fail_on_is_tried_like_any_other():
    broken = outgoing(row(), factories.raw_line(b"[1]", replay=1), 4)
    trial = a_trial()
    trial.ask(broken)
    assert outcomes(trial, broken, replayed(2)) == ["invalid", "stored"]


def test_partitions_remember_for_themselves():
    trial = a_trial()
    events = [replayed(number, order=str(number)) for number in range(1, 9)]
    assert len({event.partition for event in events}) > 1
    for event in events:
        trial.ask(event)
    assert {partition: len(keys) for partition, keys in trial.asked.items()} == {
        partition: 2 * sum(event.partition == partition for event in events)
        for partition in {event.partition for event in events}
    }
