"""`sluice users forget` on a real broker and a real ClickHouse: afterwards nobody finds a word of the person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import requests
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from tests.integration.cli.forgetting import forget, live, places_of, send, stored, users_called, visit

from sluice.cli.reading.log import Log
from sluice.contract import topics

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Ann, Own


def records_with(own: Own, topic: str, word: str) -> int:
    """Count the records of a topic that hold a word, in key or value."""

    async def look() -> int:
        log = Log(own.stack.kafka_bootstrap, topic)
        found = 0
        for partition, held in (await log.ranges()).items():
            async with log.opened(partition) as opened:
                async for records in opened.records(held):
                    found += sum(word.encode() in (each.key or b"") + (each.value or b"") for each in records)
        return found

    return asyncio.run(look())


def test_no_table_holds_a_word_of_somebody_forgotten_and_the_account_balances(own: Own, ann: Ann):
    live(own, ann)
    assert own.audit()[0] == 0
    assert len(places_of(own, ann.word)) > 15
    before = own.query("SELECT count(), uniq(source_partition, source_offset, source_line) FROM sluice.event_log")

    said = forget(own, ann.email).stdout

    assert places_of(own, ann.word) == {}
    assert ann.word not in said
    assert own.audit()[0] == 0
    assert (
        own.query("SELECT count(), uniq(source_partition, source_offset, source_line) FROM sluice.event_log")
        == before
    )


def test_the_state_of_the_processors_holds_no_word_of_anybody(own: Own, ann: Ann):
    live(own, ann)
    assert own.audit()[0] == 0
    assert records_with(own, topics.RAW.name, ann.word) > 0
    assert records_with(own, topics.CHANGELOG.name, ann.word) == 0


def test_roll_ups_agree_with_the_event_log_and_show_nothing_of_somebody_forgotten(own: Own, ann: Ann):
    live(own, ann)
    assert own.audit()[0] == 0
    sessions = "SELECT count(), sum(events), countIf(entry_url != '') FROM sluice.sessions"
    before, [(_, _, with_page)] = own.query(sessions), own.query(sessions)
    assert [email for email, _ in users_called(own, ann.id)] == [ann.email]

    forget(own, ann.id)

    assert users_called(own, ann.id) == []
    [(count, events, _)] = before
    assert own.query(sessions) == [(count, events, with_page - 1)]
    for rollup, rows in (
        ("minutes", "true"),
        ("sessions", "outcome = 'stored' AND session_id != ''"),
        ("visitor_days", "outcome = 'stored' AND visitor_id != 0"),
        ("users", "changes_user AND user_id != ''"),
    ):
        counted = own.query(f"SELECT count() FROM sluice.event_log WHERE {rows}")
        assert own.query(f"SELECT sum(rows) FROM sluice.rollup_{rollup}") == counted, rollup


def test_gateways_do_not_know_somebody_forgotten_and_who_comes_back_is_new(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    forget(own, ann.id)
    for user in ({"_id": ann.id}, {"email": ann.email}):
        answer = requests.post(
            f"{own.url}/event/",
            json={"user": user, "event": {"page_view": {}}},
            headers={"Authorization": "Bearer pulse_prod_load"},
            timeout=30,
        )
        assert "User not found" in answer.text
    send(own, "/user/", {"user": {"email": ann.email, "plan": "gold"}})
    send(own, "/event/", {"user": {"email": ann.email}, "event": {"page_view": {}}})
    stored(own, ann.word, 2)
    own.wait_until(lambda: users_called(own, ann.email) == [(ann.email, ["plan"])], "she is a user again")

    assert "blanked 0 events" in own.sluice("users", "forget", "--again").stdout

    stored(own, ann.word, 2)
    assert users_called(own, ann.email) == [(ann.email, ["plan"])]
    assert "blanked 2 events" in forget(own, ann.email).stdout
    assert places_of(own, ann.word) == {}


def test_to_forget_somebody_twice_is_harmless(own: Own, ann: Ann):
    live(own, ann)
    assert own.audit()[0] == 0
    forget(own, ann.email)
    assert "blanked 0 events" in forget(own, ann.email, ann.id).stdout


def test_nobody_is_forgotten_in_a_dry_run(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    places = places_of(own, ann.word)
    said = forget(own, ann.email, "--dry-run").stdout
    assert said == "1 person: 2 names, 0 devices, 2 events that can be read\n"
    assert places_of(own, ann.word) == places
    send(own, "/event/", {"user": {"email": ann.email}, "event": {"page_view": {}}})


def test_somebody_unknown_is_named_and_the_others_are_forgotten(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    ended = forget(own, f"no{ann.word}", ann.email, code=1)
    assert f"no{ann.word}: no user of project load has this name" in ended.stderr
    assert places_of(own, ann.word) == {}


def test_who_is_not_known_anywhere_is_not_registered(own: Own, ann: Ann):
    registered = own.query("SELECT count() FROM sluice.forgotten FINAL")
    forget(own, ann.email, code=1)
    assert own.query("SELECT count() FROM sluice.forgotten FINAL") == registered


def test_a_project_that_nobody_has_sent_anything_to_is_told_of(own: Own, ann: Ann):
    ended = own.sluice("users", "forget", "--project", "lode", "--yes", "--wait", "0", ann.id)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("project lode has no user and no event: see that its name is written rightly\n")


def test_nothing_is_changed_until_all_is_there_that_tells_what_belongs_together(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    places = places_of(own, ann.word)
    late = {"type": "page_view", "userId": ann.email.upper(), "properties": {"note": ann.word}}
    with own.without("sinks"):
        send(own, "/collect/event", {"messageheader": {"app": "x"}, "messageBody": [late]})
        ended = forget(own, ann.id, "--wait", "0.5", code=1)
        assert "nothing was changed" in ended.stderr
        assert places_of(own, ann.word) == places
    assert own.audit()[0] == 0
    forget(own, ann.id)
    assert places_of(own, ann.word) == {}


def test_another_secret_is_refused_before_anything_is_changed(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    other = own.without_neighbour("SLUICE_VISITOR_SECRET", "another")
    assert "SLUICE_VISITOR_SECRET" in forget(other, ann.email, code=1).stderr
    assert places_of(own, ann.word) != {}
    send(own, "/event/", {"user": {"email": ann.email}, "event": {"page_view": {}}})


def test_nothing_is_changed_until_the_roll_ups_have_what_the_event_log_has(own: Own, ann: Ann):
    own.change("ALTER TABLE sluice.rollup_sessions ADD CONSTRAINT no_marker CHECK fed = 0")
    try:
        visit(own, ann)
        stored(own, ann.word, 2)
        assert "nothing was changed" in forget(own, ann.id, "--wait", "0.5", code=1).stderr
        stored(own, ann.word, 2)
    finally:
        own.change("ALTER TABLE sluice.rollup_sessions DROP CONSTRAINT no_marker")
    forget(own, ann.id)
    assert places_of(own, ann.word) == {}
    assert own.audit()[0] == 0


def test_names_are_gone_from_the_known_users_once_kafka_has_compacted_them(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    quickly = {
        "segment.ms": "500",
        "max.compaction.lag.ms": "500",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
    }
    assert records_with(own, topics.USERS_KNOWN.name, ann.word) > 0
    forget(own, ann.email)
    configure(own, topics.USERS_KNOWN.kafka_config() | quickly)
    try:
        own.wait_until(lambda: compacted(own, ann), "no record of users.known has a word of hers")
    finally:
        configure(own, topics.USERS_KNOWN.kafka_config())


def compacted(own: Own, ann: Ann) -> bool:
    assert own.sluice("users", "forget", "--again").returncode == 0  # it also has Kafka close what may be compacted
    return records_with(own, topics.USERS_KNOWN.name, ann.word) == 0


def configure(own: Own, config: dict[str, str]) -> None:
    async def alter() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=own.stack.kafka_bootstrap)
        try:
            await admin.start()
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topics.USERS_KNOWN.name, configs=config)]
            )
        finally:
            await admin.close()

    asyncio.run(alter())
