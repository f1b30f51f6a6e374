"""What an audit says."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sluice.cli.auditing.account import Account
from sluice.cli.auditing.audit import Finding
from sluice.cli.auditing.comparing import Fault, Kind
from sluice.cli.auditing.report import FAULTS_SHOWN, alarms, as_json, columns, lines, notes, verdicts
from sluice.cli.auditing.table import NoPart
from sluice.cli.rebuilding.checking import Checked
from sluice.cli.rebuilding.comparing import Difference


def finding(**changes) -> Finding:
    given: dict[str, Any] = {
        "topic_id": "t",
        "offsets": {0: range(5, 9)},
        "accounts": {(0, "demo"): Account(1500, 0, Counter(stored=1499, bot=1))},
        "no_part": NoPart(0, 0, 0),
    }
    return Finding(**(given | changes))


def test_an_account_that_balances_raises_no_alarm():
    assert finding().balances
    assert alarms(finding()) == []
    assert list(notes(finding())) == []


def test_the_table_shows_every_way_to_be_rejected_and_the_sums():
    assert columns(finding()) == (
        *("partition", "project", "accepted", "stored"),
        *("duplicate", "throttled", "bot", "invalid"),
        *("on the way", "difference"),
    )
    assert list(lines(finding())) == [
        ("0", "demo", "1,500", "1,499", "0", "0", "1", "0", "0", "0"),
        ("all", "demo", "1,500", "1,499", "0", "0", "1", "0", "0", "0"),
    ]


def test_several_projects_have_a_sum_of_all():
    accounts = {(0, ""): Account(1, 1), (0, "demo"): Account(2, 0, Counter(stored=2))}
    shown = list(lines(finding(accounts=accounts)))
    assert [line[:3] for line in shown] == [
        ("0", "(none)", "1"),
        ("0", "demo", "2"),
        ("all", "(none)", "1"),
        ("all", "demo", "2"),
        ("all", "all", "3"),
    ]


def test_nothing_at_all_is_a_sum_of_nothing():
    assert list(lines(finding(accounts={}))) == [("all", "all", *["0"] * 8)]


def test_a_fault_is_an_alarm_that_names_partition_and_offsets():
    faults = [Fault(0, 5, 7, Kind.MISSING, 12), Fault(1, 8, 8, Kind.UNFOUNDED, 1)]
    assert alarms(finding(faults=faults)) == [
        "THE ACCOUNT DOES NOT BALANCE: 2 faults, a difference of 0",
        "partition 0, offsets 5 to 7: 12 raw lines without a row",
        "partition 1, offset 8: 1 row without a raw line",
    ]


def test_a_difference_alone_is_an_alarm_too():
    [said] = alarms(finding(accounts={(0, "a"): Account(1), (1, "a"): Account(0, 0, Counter(stored=1))}))
    assert said == "THE ACCOUNT DOES NOT BALANCE: 0 faults, a difference of 2"


def test_of_many_faults_the_first_are_shown_and_the_rest_counted():
    faults = [Fault(0, 2 * at, 2 * at, Kind.DOUBLED, 1) for at in range(FAULTS_SHOWN + 1)]
    assert len(alarms(finding(faults=faults[:-1]))) == FAULTS_SHOWN + 1
    *shown, more = alarms(finding(faults=faults, faults_left_out=2))
    assert (len(shown), more.split(";")[0]) == (FAULTS_SHOWN + 1, "and 3 more")


def test_what_is_no_part_of_it_is_said():
    said = list(notes(finding(no_part=NoPart(3, 1, 2), expired=[(4, range(7, 9))])))
    assert said == [
        "no part of it: 3 rows of 1 older topic events.raw, since made anew",
        "no part of it: 2 rows from before the first offset that is audited",
        "no part of it: partition 4, offsets 7 to 8, which retention took from events.raw meanwhile",
    ]


def test_what_was_not_counted_is_said_and_null_for_programs():
    uncounted = finding(no_part=None, not_counted="ClickHouse at x: too long")
    assert list(notes(uncounted)) == ["what is no part of it was not counted: ClickHouse at x: too long"]
    assert alarms(uncounted) == []
    assert as_json(uncounted)["no_part"] == {"rows_of_older_topics": None, "rows_from_before": None, "expired": []}


def test_what_is_on_the_way_is_said():
    assert next(iter(notes(finding(accounts={(0, "demo"): Account(1, 1)})))).startswith("1 event on the way")


def test_the_verdict_speaks_of_what_is_on_the_way_only_where_something_is():
    assert next(iter(verdicts(finding(), arrived=True))) == "every accepted event has exactly one row"
    waiting = finding(accounts={(0, "demo"): Account(1, 1)})
    said, _ = verdicts(waiting, arrived=True)
    assert said == "every accepted event has exactly one row, or is on the way"


def test_the_verdict_claims_no_row_for_every_event_where_the_wait_was_in_vain():
    said, _ = verdicts(finding(accounts={(0, "demo"): Account(1, 1)}), arrived=False)
    assert said == "no accepted event is missing or doubled so far, but not every one has its row yet"


def test_what_can_be_read_of_people_who_were_to_be_forgotten_is_said_and_changes_nothing():
    readable = finding(of_forgotten=2)
    assert list(notes(readable)) == [
        "2 events of people who were to be forgotten can be read: `sluice users forget --again` blanks them"
    ]
    assert as_json(readable)["of_forgotten"] == 2
    assert readable.is_right


DIFFERING = Checked([Difference("minutes", 202611, 7, 8, 9)])


def test_roll_ups_that_agree_are_said_to():
    assert list(verdicts(finding(), arrived=True))[1:] == ["each roll-up is what the event log adds up to"]


def test_roll_ups_that_lag_are_no_alarm():
    lagging = finding(rollups=Checked(not_added=Counter(minutes=5)))
    assert lagging.is_right
    assert alarms(lagging) == []
    assert list(notes(lagging)) == ["5 rows not added up yet: sinks do so at once, or when they start"]


def test_roll_ups_that_differ_are_an_alarm_of_their_own():
    differing = finding(rollups=DIFFERING)
    assert (differing.balances, differing.is_right) == (True, False)
    assert alarms(differing)[0] == "THE ROLL-UPS DIFFER FROM THE EVENT LOG: minutes"
    assert list(verdicts(differing, arrived=True)) == ["every accepted event has exactly one row"]


def test_of_an_account_that_does_not_balance_and_roll_ups_that_differ_both_are_said():
    both = finding(rollups=DIFFERING, faults=[Fault(0, 3, 3, Kind.MISSING, 1)])
    assert not both.is_right
    assert [said for said in alarms(both) if said.startswith("THE ")] == [
        "THE ACCOUNT DOES NOT BALANCE: 1 fault, a difference of 0",
        "THE ROLL-UPS DIFFER FROM THE EVENT LOG: minutes",
    ]
    assert list(verdicts(both, arrived=True)) == []


def test_the_json_holds_everything():
    faults = [Fault(0, 5, 7, Kind.MISSING, 12)]
    told = json.loads(json.dumps(as_json(finding(faults=faults, expired=[(0, range(5, 6))]))))
    assert told["balances"] is False
    assert told["partitions"] == [{"partition": 0, "first_offset": 5, "next_offset": 9}]
    assert told["faults"] == [{"partition": 0, "first": 5, "last": 7, "kind": "missing", "events": 12}]
    assert told["accounts"][0] == {"partition": 0, "project": "demo", **told["total"]}
    assert told["total"] == {
        "accepted": 1500,
        "stored": 1499,
        "rejected": {"duplicate": 0, "throttled": 0, "bot": 1, "invalid": 0},
        "on_the_way": 0,
        "difference": 0,
    }
    assert told["no_part"]["expired"] == [{"partition": 0, "first": 5, "last": 5}]
