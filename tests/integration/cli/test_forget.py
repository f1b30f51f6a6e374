"""`sluice users forget` on a real broker and a real ClickHouse: afterwards nobody finds a word of the person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests
from tests.integration.cli.conftest import event

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
    send(own, "/event/", {"user": {"email": ann.email}, "event": {"page_view": {"url": f"https://x/{word}"}}}, **agent)
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
    found = {}
    for table, names in columns:
        counts = ", ".join(f"countIf(positionCaseInsensitive(toString({name}), {{word:String}}) > 0)" for name in names)
        [row] = own.query(f"SELECT {counts} FROM sluice.{table}", word=word)
        found |= {f"{table}.{name}": rows for name, rows in zip(names, row, strict=True) if rows}
    [[mutations]] = own.query(
        "SELECT count() FROM system.mutations WHERE positionCaseInsensitive(command, {word:String}) > 0", word=word
    )
    return found | ({"system.mutations": mutations} if mutations else {})


def test_no_table_holds_a_word_of_somebody_forgotten_and_the_account_balances(own: Own, ann: Ann):
    live(own, ann)
    own.audit()
    assert len(places_of(own, ann.word)) > 15
    before = own.query("SELECT count(), uniq(source_partition, source_offset, source_line) FROM sluice.event_log")

    said = forget(own, ann.email).stdout

    assert places_of(own, ann.word) == {}
    assert ann.word not in said
    assert own.audit()[0] == 0
    assert own.query("SELECT count(), uniq(source_partition, source_offset, source_line) FROM sluice.event_log") == before
