"""What `sluice where` says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tests.factories import NOW, TOPIC

from sluice.cli.tracing.report import COLUMNS, as_json, as_table, details, line, nowhere, summary
from sluice.cli.tracing.sighting import Place, Sighting
from sluice.cli.tracing.tracer import Trace
from sluice.contract.processed import Source

SEEN = Sighting(
    place=Place.STORED,
    source=Source(TOPIC, 2, 7, 3, NOW),
    event_id="e",
    request_id="r",
    order_id="",
    project="demo",
    api="pulse",
    event_type="page_view",
    received_at=NOW,
    outcome="stored",
)


def told(seen: Sighting, trace: Trace | None = None) -> dict[str, str]:
    return dict(details(seen, trace or Trace()))


def test_a_stored_event_shows_its_row():
    assert told(SEEN) == {
        "event": "e",
        "request": "r",
        "project": "demo, API pulse",
        "type": "page_view",
        "accepted": "2026-11-18 11:06:40.000 UTC",
        "raw line": "events.raw, partition 2, offset 7, line 3",
        "decision": "stored",
        "row": f"sluice.events WHERE source_topic = '{TOPIC}' AND source_partition = 2 AND source_offset = 7 "
        "AND source_line = 3",
    }


def test_a_rejected_event_shows_why_and_its_own_view():
    shown = told(replace(SEEN, outcome="duplicate", stage="processor", reason="a later one", duplicate_of="first"))
    assert (shown["decision"], shown["reason"], shown["first one"]) == (
        "duplicate by the processor",
        "a later one",
        "first",
    )
    assert shown["row"].startswith("sluice.rejected_events WHERE")


def test_a_decided_event_shows_how_far_the_sinks_are_behind():
    decided = replace(SEEN, place=Place.DECIDED)
    assert told(decided, Trace(marks={2: 4}))["waits for"] == (
        "the sinks: partition 2 is stored up to offset 4, 3 raw records behind"
    )
    assert told(decided)["waits for"] == "the sinks: nothing of partition 2 is stored yet"


def test_an_accepted_event_shows_how_far_the_processors_are_behind():
    accepted = replace(SEEN, place=Place.ACCEPTED, outcome="")
    shown = told(accepted, Trace(marks={2: 4}, markers={2: 6}))
    assert shown["waits for"] == "the processors: partition 2 is decided up to offset 6, 1 raw record behind"
    assert "decision" not in shown


def test_a_lost_event_is_called_so():
    shown = told(replace(SEEN, place=Place.LOST), Trace(marks={2: 9}))
    assert shown["LOST"].startswith("there is no row, although partition 2 is stored up to offset 9")


def test_an_event_whose_person_was_forgotten_shows_its_row():
    forgotten = replace(SEEN, place=Place.FORGOTTEN)
    shown = told(forgotten)
    assert shown["forgotten"].startswith("its person was: the row is there")
    assert shown["row"].startswith("sluice.events WHERE")
    assert as_json(forgotten)["view"] == "sluice.events"


def test_what_senders_wrote_cannot_steer_the_terminal():
    hostile = replace(SEEN, request_id="\x1b[2J", order_id="\x1b]", project="\r", event_type="\n", reason="\x07")
    for text in [*told(hostile).values(), *line(hostile)]:
        assert text.isprintable()


def test_several_events_are_counted_by_what_became_of_them():
    found = [SEEN, SEEN, replace(SEEN, outcome="bot"), replace(SEEN, place=Place.ACCEPTED, outcome="")]
    assert summary(found) == ("4 events: 1 waits for the processors; 1 bot, in ClickHouse; 2 stored, in ClickHouse")


def test_nothing_found_says_what_was_searched():
    trace = Trace(since=NOW, searched=Counter({"events.processed": 1, "events.raw": 1200}))
    said = nowhere("x'\n", trace)
    assert "'x'\\n'" in said
    assert (
        "nor in 1 record of events.processed and 1,200 records of events.raw from 2026-11-18 11:06:40.000 UTC" in said
    )
    assert said.endswith("(--since looks further back)")


def test_a_topic_of_which_nothing_was_searched_is_not_counted():
    raw_only = nowhere("x", Trace(since=NOW, searched=Counter({"events.raw": 1200})))
    assert "nor in 1,200 records of events.raw from" in raw_only
    nothing = nowhere("x", Trace(since=NOW))
    assert "nor on Kafka, which holds nothing from 2026-11-18 11:06:40.000 UTC on (--since" in nothing


def test_replays_of_an_event_are_told_apart_in_the_table():
    names, types, rows = as_table([SEEN, replace(SEEN, replay=2)])
    assert (names, types[-1]) == ((*COLUMNS, "replay"), "UInt16")
    assert [row[-1] for row in rows] == ["0", "2"]


def test_the_table_has_no_column_of_replays_where_there_are_none():
    names, types, [row] = as_table([SEEN])
    assert names == COLUMNS
    assert len(names) == len(types) == len(row)


def test_the_json_has_null_for_what_is_not_known_yet():
    accepted = as_json(replace(SEEN, place=Place.ACCEPTED, outcome=""))
    assert [accepted[name] for name in ("outcome", "stage", "reason", "view")] == [None] * 4
    assert as_json(SEEN)["view"] == "sluice.events"
