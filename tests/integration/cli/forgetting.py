"""Somebody who leaves traces everywhere, is forgotten, and is looked for afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests
from tests.integration.cli.conftest import CRAWLER, event

from sluice.cli.forgetting.columns import SESSION_KEY

if TYPE_CHECKING:
    import subprocess

    from tests.integration.cli.conftest import Ann, Own


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


def session_pages(own: Own, session: str) -> list[tuple[Any, ...]]:
    """Give the events, and the first and last page, of a session as analysts see it."""
    return own.query(
        "SELECT events, entry_url, exit_url FROM sluice.sessions WHERE session_key IN "
        f"(SELECT {SESSION_KEY} FROM sluice.event_log WHERE session_id = {{session:String}})",
        session=session,
    )
