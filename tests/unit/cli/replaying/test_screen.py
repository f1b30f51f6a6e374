"""Rejected events as people and scripts see them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import UUID

import msgspec
from tests import factories
from tests.unit.cli.replaying.events import kept, row

from sluice.cli.replaying import screen
from sluice.cli.replaying.candidates import Survey
from sluice.cli.replaying.sender import Tally
from sluice.cli.replaying.table import Count, Sent
from sluice.contract import raw
from sluice.contract.raw import Context

HOSTILE = "\x1b[2J\u202e\n<b>"
HARMLESS = "\\x1b[2J\\u202e\\n<b>"


def sent(line: raw.RawLine, **changes: Any) -> Sent:
    found = kept(line, **changes)
    return Sent(found.candidate.row, found.raw_line, found.payload)


def test_a_row_has_a_cell_for_each_column():
    cells = screen.as_cells(row(event_type=HOSTILE, reason="r" * 500))
    assert len(cells) == len(screen.COLUMNS) == len(screen.TYPES)
    assert cells[3] == HARMLESS
    assert len(cells[5]) == 200
    assert cells[-2:] == [str(UUID(int=1)), "0"]


def test_a_script_gets_everything_whole():
    found = json.loads(screen.as_json(row(reason="r" * 500, event_type=HOSTILE, first=str(UUID(int=9)))))
    assert (found["reason"], found["event_type"]) == ("r" * 500, HOSTILE)
    assert (found["event_id"], found["duplicate_of"]) == (str(UUID(int=1)), str(UUID(int=9)))
    assert found["received_at"] == factories.NOW + 1


def test_counts_are_by_outcome_and_then_by_reason():
    counts = [Count("bot", "Googlebot", 1200), Count("invalid", "a rule failed", 7), Count("bot", "Bingbot", 3)]
    assert list(screen.counted(counts)) == [
        "    1,203  bot",
        "         1,200  Googlebot",
        "             3  Bingbot",
        "        7  invalid",
        "             7  a rule failed",
    ]


def test_only_the_most_frequent_reasons_are_shown():
    counts = [Count("bot", f"bot {number}", 100 - number) for number in range(screen.KINDS_SHOWN + 2)]
    lines = list(screen.counted(counts))
    assert len(lines) == 1 + screen.KINDS_SHOWN + 1
    assert lines[-1] == "           159  for 2 other reasons"


def test_everything_about_an_event_is_shown():
    context = Context(user_id="u-1", header=msgspec.Raw(b'{"h":1}'))
    line = factories.raw_line(b'{"a":1}', key="demo/user/u-1", index=2, context=context)
    lines = list(screen.shown([sent(line), sent(line, replay=1, outcome="stored", stage="", reason="")]))
    for expected in (
        f"event      {line.id}",
        "by         API pulse of project demo, request request-1",
        "type       page_view",
        "as it came bot, by the processor",
        "  reason   its user agent is a known crawler's: Googlebot",
        "replay 1   stored",
        "sent by    192.0.2.1",
        "as         Mozilla/5.0",
        "place      3 in its request",
        "routed by  demo/user/u-1",
        "user       u-1",
        'header     {"h":1}',
    ):
        assert expected in lines
    assert lines[-2:] == ["as it was sent:", '{"a":1}']


def test_what_a_sender_wrote_does_not_steer_the_terminal():
    line = factories.raw_line(('"' + HOSTILE + '"').encode(), key=HOSTILE, context=Context(user_id=HOSTILE))
    shown = sent(line, event_type=HOSTILE, reason=HOSTILE, request_id=HOSTILE)
    text = "\n".join(screen.shown([shown._replace(payload=HOSTILE.encode() + b"\xff\x00")]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.endswith("as it was sent:\n" + HARMLESS + "\\xff\\x00")


def test_what_lost_to_another_event_names_it():
    first = str(UUID(int=77))
    assert f"  lost to  {first}" in list(screen.shown([sent(factories.raw_line(), outcome="duplicate", first=first)]))


def test_a_long_payload_and_reason_are_shown_whole():
    line = factories.raw_line(b'"%s"' % (b"x" * 1000))
    lines = list(screen.shown([sent(line, reason="r" * 1000)]))
    assert f"  reason   {'r' * 1000}" in lines
    assert len(lines[-1]) == 1002


def test_what_was_no_raw_line_says_whether_it_can_be_read_today():
    line = factories.raw_line()
    poison = Sent(row(project="", api=""), b"", b"\xff poison")
    readable = poison._replace(payload=raw.encode(line))
    assert any(text.startswith("today it cannot be read either: ") for text in screen.shown([poison]))
    assert f"today it can be read: it is event {line.id} of project demo" in list(screen.shown([readable]))


def test_a_summary_counts_what_became_of_all():
    tally = Tally(sent=1200, refused=Counter({"too old": 3, "gone": 5}), unknown=2)
    assert list(screen.summary(tally)) == [
        "    1,200  sent in again",
        "        2  perhaps: Kafka did not acknowledge them; sending them once more does no harm",
        "        5  not sent: gone",
        "        3  not sent: too old",
    ]


def test_a_survey_says_what_stays_as_it_is():
    found = Survey(1, Counter({"gone": 5}), {"duplicate": 3})
    assert list(screen.surveyed(found)) == ["        3  not sent: duplicate stays so, since it lost to another event"]


def test_a_survey_of_nothing_to_send_says_why():
    assert list(screen.surveyed(Survey(0, Counter({"gone": 5}), {}))) == [
        "        5  not sent: gone",
        "there is nothing to send in again",
    ]
