"""What is said of roll-ups that were checked."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from sluice.cli.rebuilding.checking import Checked
from sluice.cli.rebuilding.comparing import Difference, OtherAmount
from sluice.cli.rebuilding.report import DIFFERENCES_SHOWN, alarms, as_json, notes, verdict

NO_CURRENCY = OtherAmount(202601, "", Decimal(1), Decimal(0))
BEHIND = Checked(not_added=Counter(minutes=1200, users=3))


def test_where_nothing_differs_nothing_is_said_but_that():
    assert (list(notes(Checked())), alarms(Checked())) == ([], ())
    assert verdict(Checked()) == "each roll-up is what the event log adds up to"


def test_what_waits_is_said():
    assert list(notes(BEHIND)) == ["1,200 rows not added up yet: sinks do so at once, or when they start"]
    assert alarms(BEHIND) == ()
    assert verdict(BEHIND).endswith(", but for those rows")


def test_what_is_missing_is_not_said_to_be_on_its_way():
    assert list(notes(Checked([Difference("users", 0, 7, 8, 9)], not_added=Counter(users=2)))) == []


def test_what_differs_is_said_loudly_with_what_to_do():
    wrong = Checked([Difference("users", 0, 7, 8, 9), Difference("minutes", 202601, 1003, 2, 3)])
    assert alarms(wrong) == [
        "THE ROLL-UPS DIFFER FROM THE EVENT LOG: minutes, users",
        "users: 1 row missing",
        "minutes, 2026-01: 1,000 rows too many",
        "stop the sinks and run `sluice rollups rebuild minutes users`",
    ]


def test_a_month_that_only_the_roll_up_has_is_said_to_be_kept():
    assert alarms(Checked([Difference("minutes", 202601, 1003, 0, 0)]))[1:] == [
        "minutes, 2026-01: event_log has none of its 1,003 rows, which a rebuild keeps",
        "stop the sinks and run `sluice rollups rebuild minutes`",
    ]
    assert alarms(Checked([Difference("users", 0, 7, 0, 0)]))[1] == "users: 7 rows too many"


def test_amounts_that_differ_are_said_with_both_sums():
    wrong = Checked(amounts=[OtherAmount(202601, "EUR", Decimal("1234.5"), Decimal(7)), NO_CURRENCY])
    assert alarms(wrong) == [
        "THE ROLL-UPS DIFFER FROM THE EVENT LOG: minutes",
        "minutes, 2026-01: values in EUR come to 1,234.5, not to 7",
        "minutes, 2026-01: values in no currency come to 1, not to 0",
        "stop the sinks and run `sluice rollups rebuild minutes`",
    ]
    assert as_json(wrong)["amounts"][0] == {
        "month": 202601,
        "currency": "EUR",
        "rolled_up": "1234.5",
        "stored": "7",
    }


def test_of_many_differences_some_are_shown_and_the_others_counted():
    wrong = Checked([Difference("minutes", 202601 + number, 1, 2, 3) for number in range(DIFFERENCES_SHOWN + 2)])
    assert len(alarms(wrong)) == DIFFERENCES_SHOWN + 3
    assert "and 2 more" in alarms(wrong)


def test_a_program_gets_everything():
    wrong = Checked(
        [Difference("users", 0, 7, 8, 9), Difference("minutes", 202601, 4, 2, 3)], not_added=Counter(minutes=1)
    )
    assert as_json(wrong) == {
        "differences": [
            {"rollup": "users", "month": None, "rows": 7, "at_least": 8, "at_most": 9},
            {"rollup": "minutes", "month": 202601, "rows": 4, "at_least": 2, "at_most": 3},
        ],
        "amounts": [],
        "not_added_yet": {"minutes": 1},
    }
