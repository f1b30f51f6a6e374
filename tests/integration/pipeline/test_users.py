"""Users from HTTP to the view `sluice.users`."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.pipeline.conftest import Pipeline

USER = """
SELECT user_id, email, attributes FROM sluice.users WHERE project = 'load' AND user_id = {user_id:String}
"""

OPENS = """
SELECT outcome, opens, count() FROM (
    SELECT outcome, arraySort(groupArray(toUInt8(properties['n']))) AS opens
    FROM sluice.event_log
    WHERE project = 'load' AND event_type = 'email_open' AND startsWith(user_id, {user_id:String})
    GROUP BY user_id, outcome
) GROUP BY outcome, opens ORDER BY outcome, opens
"""

MINUTE_MS = 60_000


@pytest.fixture
def user_id(session_id: str) -> str:
    """The id of a user whom nobody knows yet."""
    return f"user-{session_id}"


def save(pipeline: Pipeline, **user: Any) -> None:
    answer = pipeline.post("/user/", {"user": user})
    assert (answer.status_code, answer.json()) == (200, {"results": {"message": "User saved"}})


def send(pipeline: Pipeline, user: dict[str, Any], event: dict[str, Any]) -> None:
    answer = pipeline.post("/event/", {"user": user, "event": event})
    assert answer.status_code == 200, answer.text


def test_an_unknown_user_is_refused_and_one_who_was_saved_a_moment_ago_is_not(pipeline: Pipeline, user_id: str):
    event = {"user": {"_id": user_id}, "event": {"page_view": {}}}
    refused = pipeline.post("/event/", event)
    assert (refused.status_code, refused.json()["errors"][0]) == (
        400,
        {
            "message": "User not found",
            "description": "The user must exist before events can be created for it",
        },
    )
    save(pipeline, _id=user_id)
    assert pipeline.post("/event/", event).status_code == 200


def test_a_user_is_saved_and_updated_and_null_removes(pipeline: Pipeline, user_id: str):
    email = f"{user_id}@example.com"
    save(pipeline, _id=user_id, email=email.upper(), firstname="Ann", plan="free", seats=2)
    send(pipeline, {"_id": user_id}, {"update": {"plan": "gold", "seats": None, "tags": ["a", 1]}})
    expected = {"firstname": "Ann", "plan": "gold", "tags": '["a", 1]'}
    pipeline.wait_for([(user_id, email, expected)], USER, user_id=user_id)


def test_a_login_gives_an_anonymous_user_the_address_and_sets_attributes(pipeline: Pipeline, user_id: str):
    email = f"{user_id}@example.com"
    save(pipeline, _id=user_id, source="kiosk")
    pipeline.wait_for([(user_id, "", {"source": "kiosk"})], USER, user_id=user_id)
    send(pipeline, {"_id": user_id}, {"login": {"email": email, "device": "phone"}})
    pipeline.wait_for([(user_id, email, {"source": "kiosk", "device": "phone"})], USER, user_id=user_id)
    send(pipeline, {"email": email}, {"update": {"device": "tablet"}})
    pipeline.wait_for([(user_id, email, {"source": "kiosk", "device": "tablet"})], USER, user_id=user_id)


def test_a_login_with_anothers_address_makes_the_event_and_those_after_it_the_others(
    pipeline: Pipeline, user_id: str
):
    email = f"{user_id}@example.com"
    other = f"other-{user_id}"
    save(pipeline, _id=other, email=email)
    save(pipeline, _id=user_id)
    send(pipeline, {"_id": user_id}, {"login": {"email": email}})
    send(pipeline, {"_id": user_id}, {"update": {"plan": "gold"}})
    pipeline.wait_for([(other, email, {"plan": "gold"})], USER, user_id=other)
    events = "SELECT event_type FROM sluice.events WHERE user_id = {user_id:String} ORDER BY received_at, event_type"
    pipeline.wait_for([("user_saved",), ("login",), ("update",)], events, user_id=other)


def test_a_profile_updates_its_user_and_unsets(pipeline: Pipeline, user_id: str):
    email = f"{user_id}@example.com"
    save(pipeline, email=email, plan="free", coupon="X1")
    profile = {
        "type": "profile",
        "attributes": {
            "email": email,
            "first_name": "Sarah",
            "location": {"city": "Boston", "latitude": "42.36"},
            "properties": {"plan": "gold"},
        },
        "meta": {"patch_properties": {"unset": "coupon"}},
    }
    event = {
        "type": "event",
        "attributes": {"metric": {"data": {"type": "metric", "attributes": {"name": "Viewed Product"}}}},
    }
    bulk = {
        "type": "event-bulk-create",
        "attributes": {"profile": {"data": profile}, "events": {"data": [event]}},
    }
    body = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [bulk]}}}}
    headers = {"Authorization": "Klaviyo-API-Key pulse_prod_load", "revision": "2026-07-15"}
    answer = pipeline.post("/api/event-bulk-create-jobs", body, **headers)
    assert answer.status_code == 202, answer.text
    expected = {"plan": "gold", "first_name": "Sarah", "location.city": "Boston", "location.latitude": "42.36"}
    pipeline.wait_for([(email, email, expected)], USER, user_id=email)


def iso(at_ms: int, hours: int) -> str:
    """Give a time in ISO 8601, by the clocks of a place so many hours east of Greenwich."""
    return datetime.fromtimestamp(at_ms / 1000, timezone(timedelta(hours=hours))).isoformat(timespec="milliseconds")


def test_of_a_users_email_opens_one_is_stored_in_20_minutes_whatever_names_the_user(pipeline: Pipeline, user_id: str):
    """Each time is sent in another zone, and the user named by id and by address in turn."""
    began = int(time.time() * 1000) - 120 * MINUTE_MS
    after = [0, 20 * MINUTE_MS - 1, 20 * MINUTE_MS, 40 * MINUTE_MS - 1, 40 * MINUTE_MS]
    users = [{"_id": f"{user_id}-{number}", "email": f"{user_id}-{number}@example.com"} for number in range(20)]
    for user in users:
        save(pipeline, **user)
    for number, ms in enumerate(after):
        name = ("_id", "email")[number % 2]
        for user in users:
            opened = {"timestamp": iso(began + ms, hours=number), "n": number}
            send(pipeline, {name: user[name]}, {"email_open": opened})
    pipeline.wait_for([("stored", [0, 2, 4], 20), ("throttled", [1, 3], 20)], OPENS, user_id=user_id)
