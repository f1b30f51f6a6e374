"""`sluice where` finds an event by each of its ids, however far it has come."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import uuid_utils
from tests.integration.cli.conftest import event

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Own


def sent(own: Own, *, named: str = "") -> dict[str, str]:
    """Send a confirmation, and give its three ids."""
    order_id = named or f"order {secrets.token_hex(4)}'\"ä\\n"
    request_id = own.post(event(event_type="confirmation", orderId=order_id))
    [seen] = own.where(request_id)
    assert UUID(seen["event_id"]).version == 7
    return {"event": seen["event_id"], "request": request_id, "order": order_id}


def stored(own: Own, any_id: str) -> dict[str, Any]:
    """Wait until an id's one event is in the table, and give what is said of it."""
    own.wait_until(lambda: [seen["place"] for seen in own.where(any_id)] == ["stored"], "it was stored")
    return own.where(any_id)[0]


@pytest.mark.parametrize("kind", ["event", "request", "order"])
def test_a_stored_event_is_found_by_each_of_its_ids(own: Own, kind: str):
    ids = sent(own)
    seen = stored(own, ids[kind])
    assert (seen["event_id"], seen["request_id"], seen["order_id"]) == tuple(ids.values())
    rows = own.query(
        f"SELECT toString(event_id), project, api, event_type FROM {seen['view']} "
        "WHERE source_topic = {source_topic:UUID} AND source_partition = {source_partition:UInt32} "
        "AND source_offset = {source_offset:UInt64} AND source_line = {source_line:UInt32}",
        **seen,
    )
    assert rows == [(ids["event"], seen["project"], seen["api"], seen["event_type"])]


def test_an_event_is_told_in_full(own: Own):
    ids = sent(own, named="in full")
    stored(own, ids["event"])
    said = dict(line.split(maxsplit=1) for line in own.sluice("where", ids["event"].upper()).stdout.splitlines())
    assert (said["event"], said["request"], said["order"]) == (ids["event"], ids["request"], "in full")
    assert (said["decision"], said["type"]) == ("stored", "confirmation")
    assert said["row"].startswith("sluice.events WHERE source_topic = ")


def test_while_the_sinks_are_away_an_event_is_found_decided_by_each_of_its_ids(own: Own):
    with own.without("sinks"):
        ids = sent(own)
        own.wait_until(lambda: own.where(ids["event"])[0]["place"] == "decided", "it was decided")
        for any_id in ids.values():
            [seen] = own.where(any_id)
            assert (seen["event_id"], seen["place"], seen["view"]) == (ids["event"], "decided", None)
            assert (seen["outcome"], seen["event_type"]) == ("stored", "confirmation")
        assert "waits for  the sinks: " in own.sluice("where", ids["order"]).stdout
    assert stored(own, ids["event"])["source_offset"] == seen["source_offset"]


def test_while_the_processors_are_away_an_event_is_found_accepted_by_each_of_its_ids(own: Own):
    with own.without("processors"):
        ids = sent(own)
        for any_id in ids.values():
            [seen] = own.where(any_id)
            assert (seen["event_id"], seen["order_id"], seen["place"]) == (ids["event"], ids["order"], "accepted")
            assert (seen["outcome"], seen["event_type"]) == (None, "confirmation")
        assert "waits for  the processors: " in own.sluice("where", ids["order"]).stdout
    assert stored(own, ids["event"])["source_offset"] == seen["source_offset"]


def test_an_order_has_its_duplicates_and_they_name_the_first(own: Own):
    first = sent(own, named="twice")
    stored(own, first["event"])
    second = sent(own, named="twice")
    own.wait_until(lambda: [seen["place"] for seen in own.where("twice")] == ["stored"] * 2, "both are in the table")
    one, two = own.where("twice")
    assert (one["outcome"], two["outcome"], two["duplicate_of"]) == ("stored", "duplicate", first["event"])
    assert (two["event_id"], two["view"]) == (second["event"], "sluice.rejected_events")
    said = own.sluice("where", "twice")
    assert said.stdout.startswith("2 events: 1 duplicate, in ClickHouse; 1 stored, in ClickHouse\n")


def test_a_request_has_up_to_a_thousand_events_of_which_some_are_shown(own: Own):
    request_id = own.post(*(event() for _ in range(1000)), **{"X-Request-Id": "a:big/request"})
    assert request_id == "a:big/request"
    assert len(own.where(request_id, "--limit", "2000")) == 1000
    said = own.sluice("where", request_id, "--limit", "2").stdout.splitlines()
    assert said[0].startswith("1,000 events: ")
    assert said[-1] == "and 998 more; --limit shows them"


@pytest.fixture
def ids(own: Own) -> dict[str, str]:
    """The three ids of an event that is stored before anything is broken."""
    sent_ids = sent(own)
    stored(own, sent_ids["event"])
    return sent_ids


def test_an_event_that_the_table_has_lost_is_called_lost(ids: dict[str, str], pristine: Own):
    [at] = pristine.where(ids["event"])
    row = f"event_id = '{ids['event']}'"
    # Whatever its partition, it is beyond its mark no more.
    pristine.add(row, source_offset="1000000", event_id="generateUUIDv4()", request_id="''", order_id="''")
    pristine.delete(row)
    for any_id in ids.values():
        [lost] = pristine.where(any_id)
        assert (lost["place"], lost["source_offset"]) == ("lost", at["source_offset"])
    said = pristine.sluice("where", ids["event"])
    assert said.returncode == 1
    assert "LOST       there is no row, although" in said.stdout


@pytest.mark.parametrize("kind", ["event", "request", "order"])
def test_an_event_whose_person_was_forgotten_is_found_by_each_of_its_ids(
    ids: dict[str, str], pristine: Own, kind: str
):
    row = f"event_id = '{ids['event']}'"
    pristine.change(
        f"ALTER TABLE sluice.event_log UPDATE request_id = '', order_id = '', payload = '', raw_line = '' WHERE {row}"
    )
    pristine.add(row, source_offset="1000000", event_id="generateUUIDv4()")  # whatever its partition, it is stored
    [seen] = pristine.where(ids[kind])
    assert (seen["event_id"], seen["place"], seen["view"]) == (ids["event"], "forgotten", "sluice.events")
    said = pristine.sluice("where", ids[kind])
    assert said.returncode == 0
    assert "forgotten  its person was: the row is there" in said.stdout


@pytest.fixture
def old_order(own: Own) -> str:
    """The order of a stored event, whose id is a UUID that says that it was made long before the event."""
    long_before = f"{int(time.time() * 1000) - 600_000:012x}"
    order_id = f"{long_before[:8]}-{long_before[8:]}{str(uuid_utils.uuid7())[13:]}"
    stored(own, sent(own, named=order_id)["order"])
    return order_id


def test_what_is_lost_is_found_by_an_order_id_that_says_it_was_made_long_before(old_order: str, pristine: Own):
    [at] = pristine.where(old_order)
    row = f"order_id = '{old_order}'"
    pristine.add(row, source_offset="1000000", event_id="generateUUIDv4()", request_id="''", order_id="''")
    pristine.delete(row)
    [lost] = pristine.where(old_order)
    assert (lost["place"], lost["source_offset"]) == ("lost", at["source_offset"])


HOSTILE = {
    "unknown": "order-0",
    "quotes": "' OR 1 = 1 --",
    "braces": "{id:String}",
    "escapes": "\\' \\x00 \n\t",
    "long": "x" * 10_000,
    "terminal": "\x1b[2J",
    "wildcard": "%",
    "another event": str(uuid_utils.uuid7()),
    "a time to come": "ffffffff-ffff-7fff-bfff-ffffffffffff",
    "another version": "00000000-0000-4000-8000-000000000000",
}


@pytest.mark.parametrize("any_id", HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_nowhere_is_said_to_be_nowhere(own: Own, any_id: str):
    done = own.sluice("where", any_id)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sluice: there is no event with the id '")
    assert "records of events.raw from " in done.stderr
    assert done.stderr.removesuffix("\n").isprintable()


def test_an_empty_id_is_refused(own: Own):
    assert own.sluice("where", "").stderr.startswith("sluice: an empty id is no event's")


def test_without_kafka_the_table_still_answers(own: Own):
    ids = sent(own)
    stored(own, ids["event"])
    alone = own.without_neighbour("SLUICE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    assert alone.sluice("where", ids["event"]).stderr == ""
    by_request = alone.sluice("where", ids["request"])
    assert (by_request.returncode, ids["event"] in by_request.stdout) == (0, True)
    assert "only ClickHouse was asked: Kafka at 127.0.0.1:1 does not answer" in by_request.stderr
    nowhere = alone.sluice("where", "order-0")
    assert (nowhere.returncode, nowhere.stderr) == (1, "sluice: Kafka at 127.0.0.1:1 does not answer\n")


def test_without_clickhouse_nothing_can_be_said(own: Own):
    done = own.without_neighbour("SLUICE_CLICKHOUSE_URL", "http://127.0.0.1:1").sluice("where", "order-0")
    assert done.returncode == 1
    assert done.stderr == "sluice: ClickHouse at http://127.0.0.1:1 does not answer: Connection refused\n"
