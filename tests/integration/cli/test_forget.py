"""`sluice users forget` on a real broker and a real ClickHouse: afterwards nobody finds a word of the person."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from tests.integration.cli.conftest import event

from sluice.cli.forgetting.columns import SESSION_KEY
from sluice.cli.forgetting.entries import sessions_blanked
from sluice.cli.reading.log import Log
from sluice.contract import topics

if TYPE_CHECKING:
    import subprocess

    from tests.integration.cli.conftest import Own

CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


class Ann:
    """Somebody whose every word holds one that nobody else uses."""

    def __init__(self) -> None:
        self.word = f"ann{uuid4().hex[:12]}"
        self.id = f"{self.word}-id"
        self.email = f"{self.word}@example.com"
        self.device = f"{self.word}-device"
        self.session = f"{self.word}-session"


@pytest.fixture
def ann() -> Ann:
    return Ann()


def send(own: Own, path: str, body: Any, key: str = "pulse_prod_load", **headers: str) -> None:
    answer = requests.post(
        own.url + path, json=body, headers={"Authorization": f"Bearer {key}"} | headers, timeout=30
    )
    assert answer.status_code < 300, answer.text


def live(own: Own, ann: Ann) -> None:
    """Let Ann do something by each API, known and anonymous, stored and rejected."""
    word = ann.word
    user = {"_id": ann.id, "email": ann.email}
    agent = {"User-Agent": f"Mozilla/5.0 {word}", "X-Request-Id": f"{word}-{uuid4()}"}
    send(own, "/user/", {"user": {**user, "firstname": word, word: "attribute"}}, **agent)
    send(
        own, "/event/", {"user": {"email": ann.email}, "event": {"page_view": {"url": f"https://x/{word}"}}}, **agent
    )
    for _ in range(2):  # the second one is a duplicate, whose reason names the order
        send(own, "/event/", {"user": user, "event": {"confirmation": {"orderId": f"{word}-1"}}}, **agent)
    pulse = {"session_id": ann.session, "url": f"https://x/{word}", "referrer": f"https://{word}.example/"}
    send(own, "/collect", event(**pulse), **agent)  # without a user, in a session of hers
    send(own, "/collect", event(user_id=ann.id, **pulse), **agent)
    send(own, "/collect", event(user_id=ann.id, **pulse), **agent | {"User-Agent": f"{CRAWLER} {word}"})
    written = {"type": "page_view", "userId": ann.email.upper(), "properties": {"note": word}}
    send(own, "/collect/event", {"messageheader": {"app": word}, "messageBody": [written]}, **agent)
    ingested = {
        "eventName": "page_viewed", "timestamp": iso(), "anonymousId": ann.device, "sessionId": ann.session,
        "consentGiven": True, "pageTitle": word,
    }  # fmt: skip
    send(own, "/v1/ingest", {"events": [ingested, {**ingested, "userId": ann.id}]}, **agent)
    profile = {"type": "profile", "attributes": {"email": ann.email, "first_name": word, "anonymous_id": ann.device}}
    metric = {"data": {"type": "metric", "attributes": {"name": "Viewed"}}}
    viewed = {"type": "event", "attributes": {"metric": metric, "properties": {"note": word}}}
    bulk = {"profile": {"data": profile}, "events": {"data": [viewed]}}
    job = {"events-bulk-create": {"data": [{"type": "event-bulk-create", "attributes": bulk}]}}
    klaviyo = {"Authorization": "Klaviyo-API-Key pulse_prod_load", "revision": "2024-10-15"}
    job_body = {"data": {"type": "event-bulk-create-job", "attributes": job}}
    send(own, "/api/event-bulk-create-jobs", job_body, **agent | klaviyo)


def visit(own: Own, ann: Ann) -> None:
    """Let Ann be saved as a user, and see a page."""
    send(own, "/user/", {"user": {"_id": ann.id, "email": ann.email}})
    send(own, "/event/", {"user": {"_id": ann.id}, "event": {"page_view": {"url": f"https://x/{ann.word}"}}})


def iso() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def forget(own: Own, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    ended = own.sluice("users", "forget", "--project", "load", "--yes", *arguments)
    assert ended.returncode == code, (ended.stdout, ended.stderr)
    return ended


def places_of(own: Own, word: str) -> dict[str, int]:
    """Look for a word in each column of each table, and give where it stands, in how many rows."""
    columns = own.query(
        "SELECT table, groupArray(name) FROM system.columns WHERE database = 'sluice' AND table IN "
        "(SELECT name FROM system.tables WHERE database = 'sluice' AND engine LIKE '%MergeTree') GROUP BY table"
    )
    found: dict[str, int] = {}
    for table, names in columns:
        counts = ", ".join(
            f"countIf(positionCaseInsensitive(toString({name}), {{word:String}}) > 0)" for name in names
        )
        [row] = own.query(f"SELECT {counts} FROM sluice.{table}", word=word)
        found |= {f"{table}.{name}": rows for name, rows in zip(names, row, strict=True) if rows}
    [[mutations]] = own.query(
        "SELECT count() FROM system.mutations WHERE positionCaseInsensitive(command, {word:String}) > 0", word=word
    )
    return found | ({"system.mutations": mutations} if mutations else {})


def stored(own: Own, word: str, rows: int) -> None:
    """Wait until so many rows of the event log hold a word in their payload."""
    counted = "SELECT count() FROM sluice.event_log WHERE position(payload, {word:String}) > 0"
    own.wait_until(lambda: own.query(counted, word=word) == [(rows,)], f"{rows} rows of {word}")


def users_called(own: Own, user_id: str) -> list[tuple[Any, ...]]:
    return own.query(
        "SELECT email, mapKeys(attributes) FROM sluice.users WHERE project = 'load' AND user_id = {user_id:String}",
        user_id=user_id,
    )


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

    said = forget(own, ann.device).stdout  # one user alone has used it, so that user is meant

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


def test_names_are_never_read_as_anything_but_names(own: Own, ann: Ann):
    hostile = ["'", "\\", "%", "_", "a\nb", "'); DROP TABLE sluice.event_log --", "{names:Array(String)}", "ü😀",
               "a/b", "--yes", "\\u0061", '"', "NULL", "*"]  # fmt: skip
    hostile = [f"{name}{ann.word}" for name in hostile]
    send(own, "/collect/batch", {"events": [event(user_id=name, url="https://x/y") for name in hostile]})
    send(own, "/collect", event(user_id=f"x{ann.word}", url="https://x/y"))
    stored(own, ann.word, len(hostile) + 1)
    assert f"blanked {len(hostile)} events" in forget(own, "--", *hostile).stdout
    assert own.query(
        "SELECT user_id FROM sluice.event_log WHERE position(user_id, {word:String}) > 0", word=ann.word
    ) == [(f"x{ann.word}",)]


@pytest.mark.parametrize(("options", "left"), [((), [("",), ("",), ("ben",)]), (("--shared",), [("ben",)])])
def test_events_without_a_user_on_a_device_of_several_stay_unless_told_otherwise(
    own: Own, ann: Ann, options: tuple[str, ...], left: list[tuple[str]]
):
    seen = {"eventName": "page_viewed", "timestamp": iso(), "anonymousId": ann.device, "consentGiven": True}
    sessions = [(ann.session, None), (ann.session, ann.id), (f"{ann.session}-2", "ben"), (f"{ann.session}-3", None)]
    send(own, "/v1/ingest", {"events": [{**seen, "sessionId": name, "userId": who} for name, who in sessions]})
    stored(own, ann.word, 4)

    assert "2 events without a user on devices that others have used too" in forget(own, ann.id, "--dry-run").stdout
    forget(own, ann.id, *options)
    readable = "SELECT user_id FROM sluice.event_log WHERE position(payload, {word:String}) > 0"
    assert sorted(own.query(readable, word=ann.word)) == left


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


def test_no_page_of_theirs_is_shown_of_a_session_that_ended_with_somebody_else(own: Own, ann: Ann):
    now, session = int(time.time() * 1000), f"shared-{uuid4()}"
    own.post(event(user_id=ann.id, session_id=session, url=f"https://x/{ann.word}", timestamp=now))
    own.post(event(user_id="ben", session_id=session, url="https://x/ben", timestamp=now + 1000))
    assert own.audit()[0] == 0
    own.change("OPTIMIZE TABLE sluice.rollup_sessions FINAL")
    forget(own, ann.id)
    assert places_of(own, ann.word) == {}


def session_pages(own: Own, session: str) -> list[tuple[Any, ...]]:
    """Give the events, and the first and last page, of a session as analysts see it."""
    return own.query(
        "SELECT events, entry_url, exit_url FROM sluice.sessions WHERE session_key IN "
        f"(SELECT {SESSION_KEY} FROM sluice.event_log WHERE session_id = {{session:String}})",
        session=session,
    )


def test_the_pages_of_others_stay_in_a_session_that_they_shared(own: Own, ann: Ann):
    now, session = int(time.time() * 1000), f"shared-{uuid4()}"
    own.post(event(user_id="ben", session_id=session, url="https://x/ben", timestamp=now))
    own.post(event(user_id=ann.id, session_id=session, url=f"https://x/{ann.word}", timestamp=now + 1000))
    assert own.audit()[0] == 0
    forget(own, ann.id)
    assert session_pages(own, session) == [(2, "https://x/ben", "https://x/ben")]
    assert places_of(own, ann.word) == {}


def test_a_session_shows_no_page_of_theirs_however_late_their_clock_says_it_was(own: Own, ann: Ann):
    now = int(time.time() * 1000)
    own.post(event(user_id=ann.id, session_id=ann.session, url=f"https://x/{ann.word}", timestamp=now + 200_000))
    assert own.audit()[0] == 0
    own.change("CREATE OR REPLACE TABLE sluice.kept_sessions AS sluice.rollup_sessions")
    own.change("INSERT INTO sluice.kept_sessions SELECT * FROM sluice.rollup_sessions")
    forget(own, ann.id)
    own.change("TRUNCATE TABLE sluice.rollup_sessions")
    own.change("INSERT INTO sluice.rollup_sessions SELECT * FROM sluice.kept_sessions")
    own.change("DROP TABLE sluice.kept_sessions SYNC")
    assert own.sluice("users", "forget", "--again").returncode == 0
    assert places_of(own, ann.word) == {}
    assert own.audit()[0] == 0


@pytest.mark.parametrize("broken_off", [False, True])
def test_sessions_keep_the_pages_of_who_came_back(own: Own, ann: Ann, broken_off: bool):
    now = int(time.time() * 1000)
    later, offline = f"https://x/later-{uuid4()}", f"https://x/offline-{uuid4()}"
    own.post(event(user_id=ann.id, session_id=ann.session, url=f"https://x/{ann.word}", timestamp=now))
    assert own.audit()[0] == 0
    forget(own, ann.id)
    own.post(event(user_id=ann.id, session_id=ann.session, url=later, timestamp=now + 1000))
    own.post(event(user_id=ann.id, session_id=f"{ann.session}-2", url=offline, timestamp=now - 3_600_000))
    assert own.audit()[0] == 0
    own.change("OPTIMIZE TABLE sluice.rollup_sessions FINAL")
    if broken_off:  # behind taking the pages out
        [[keys]] = own.query(
            f"SELECT groupArray({SESSION_KEY}) FROM sluice.event_log WHERE user_id = {{user_id:String}}",
            user_id=ann.id,
        )
        own.change(sessions_blanked(f"session_key IN {keys}"))
        assert session_pages(own, ann.session) == [(2, "", "")]
    for _ in range(2):
        assert "blanked 0 events" in own.sluice("users", "forget", "--again").stdout
        assert session_pages(own, ann.session) == [(2, later, later)]
        assert session_pages(own, f"{ann.session}-2") == [(1, offline, offline)]
        assert own.audit()[0] == 0


def test_nobody_is_tied_to_a_user_whose_name_was_sent_as_their_device(own: Own, ann: Ann):
    mallory = f"mallory-{uuid4()}"
    own.post(event(user_id=mallory), event(user_id=ann.id, url=f"https://x/{ann.word}"))
    sent = {"eventName": "page_viewed", "timestamp": iso(), "anonymousId": mallory, "userId": ann.id,
            "sessionId": ann.session, "consentGiven": True}  # fmt: skip
    send(own, "/v1/ingest", {"events": [sent]})
    stored(own, ann.word, 2)
    assert "blanked 1 event;" in forget(own, mallory).stdout
    stored(own, ann.word, 2)


def test_users_that_a_broken_off_command_took_out_of_the_roll_up_are_made_anew(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    forget(own, ann.id)
    send(own, "/user/", {"user": {"_id": ann.id, "email": ann.email, "plan": "gold"}})
    own.wait_until(lambda: users_called(own, ann.id) == [(ann.email, ["plan"])], "she is a user again")
    own.change(f"ALTER TABLE sluice.rollup_users DELETE WHERE user_id = '{ann.id}'")
    assert own.sluice("users", "forget", "--again").returncode == 0
    assert users_called(own, ann.id) == [(ann.email, ["plan"])]
    assert own.audit()[0] == 0


def test_a_roll_up_that_is_being_made_anew_is_told_of(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    own.change("CREATE TABLE sluice.rollup_users_anew_00aa00aa AS sluice.rollup_users")
    try:
        assert "sluice rollups rebuild" in forget(own, ann.id, code=1).stderr
    finally:
        own.change("DROP TABLE sluice.rollup_users_anew_00aa00aa SYNC")


def test_who_has_left_more_than_a_statement_may_hold_is_forgotten(own: Own, ann: Ann):
    sessions, at_once = 13_000, 500
    for start in range(0, sessions, at_once):
        own.post(*(event(user_id=ann.id, session_id=f"{ann.session}-{start + number}") for number in range(at_once)))
    assert own.audit()[0] == 0
    assert "blanked 13,000 events;" in forget(own, ann.id).stdout
    assert places_of(own, ann.word) == {}


def test_what_comes_back_into_the_table_is_blanked_again(own: Own, ann: Ann):
    visit(own, ann)
    forget_and_bring_back(own, ann)
    assert own.audit("--wait", "0")[1]["of_forgotten"] == 2
    assert own.sluice("users", "forget", "--again").returncode == 0
    assert places_of(own, ann.word) == {}
    code, finding = own.audit()
    assert (code, finding["of_forgotten"]) == (0, 0)


def test_a_replay_brings_nobody_back(own: Own, ann: Ann):
    request = {"User-Agent": CRAWLER, "X-Request-Id": f"{ann.word}-1"}
    send(own, "/collect", event(user_id=ann.id), **request)
    stored(own, ann.word, 1)
    [[event_id]] = own.query(
        "SELECT toString(event_id) FROM sluice.rejected_events WHERE user_id = {user_id:String}", user_id=ann.id
    )
    replay = ("rejected", "replay", "--event-id", event_id, "--yes")
    forget_and_bring_back(own, ann)
    replayed = own.sluice(*replay)
    assert "it is of somebody who was to be forgotten" in replayed.stdout + replayed.stderr
    own.sluice("users", "forget", "--again")
    replayed = own.sluice(*replay)
    assert "nothing is kept of what was sent" in replayed.stdout + replayed.stderr
    assert own.audit()[0] == 0
    assert own.query("SELECT count() FROM sluice.event_log WHERE event_id = {event_id:UUID}", event_id=event_id) == [
        (1,)
    ]


def forget_and_bring_back(own: Own, ann: Ann) -> None:
    """Forget Ann, and then fill the event log as it was before, as if it were read again from Kafka."""
    assert own.audit()[0] == 0
    own.change("CREATE OR REPLACE TABLE sluice.kept AS sluice.event_log")
    own.change("INSERT INTO sluice.kept SELECT * FROM sluice.event_log")
    forget(own, ann.id)
    own.change("TRUNCATE TABLE sluice.event_log")
    own.change("INSERT INTO sluice.event_log SELECT * FROM sluice.kept")
    own.change("DROP TABLE sluice.kept SYNC")


def test_what_was_rejected_before_it_had_a_user_is_found_by_what_it_says(own: Own, ann: Ann):
    visit(own, ann)
    send(own, "/collect", event(user_id=f"x{ann.id}"))
    stored(own, ann.word, 3)
    own.add(f"position(payload, '{ann.word}') > 0", source_line="source_line + 1000", visitor_id="toUInt64(0)",
            user_id="''", outcome="'invalid'", stage="'processor'", reason="'a rule failed'")  # fmt: skip
    try:
        assert "blanked 4 events;" in forget(own, ann.id).stdout
        stored(own, f"x{ann.id}", 2)
    finally:
        own.delete("source_line >= 1000")


def test_another_secret_is_refused_before_anything_is_changed(own: Own, ann: Ann):
    visit(own, ann)
    assert own.audit()[0] == 0
    other = own.without_neighbour("SLUICE_VISITOR_SECRET", "another")
    assert "SLUICE_VISITOR_SECRET" in forget(other, ann.email, code=1).stderr
    assert places_of(own, ann.word) != {}
    send(own, "/event/", {"user": {"email": ann.email}, "event": {"page_view": {}}})


def test_a_session_that_others_have_a_part_in_keeps_what_nobody_is_told_of(own: Own, ann: Ann):
    shared = {"session_id": ann.session, "url": f"https://x/{ann.word}"}
    send(own, "/collect/batch", {"events": [
        event(**shared), event(user_id=ann.id, **shared), event(user_id="ben", **shared)
    ]})  # fmt: skip
    stored(own, ann.word, 3)
    forget(own, ann.id)
    stored(own, ann.word, 2)


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
