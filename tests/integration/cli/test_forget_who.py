"""Whom `sluice users forget` takes for the person asked for, and whom not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.integration.cli.conftest import event
from tests.integration.cli.forgetting import forget, iso, places_of, send, stored, visit

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Ann, Own


def readable_users(own: Own, word: str) -> list[str]:
    """Give the users of the events that hold a word and can be read."""
    readable = "SELECT user_id FROM sluice.event_log WHERE position(payload, {word:String}) > 0"
    return sorted(user for (user,) in own.query(readable, word=word))


def on_device(own: Own, ann: Ann, *users: str | None) -> None:
    """Send an event of each user, each in a session of its own, from Ann's device."""
    seen = {"eventName": "page_viewed", "timestamp": iso(), "anonymousId": ann.device, "consentGiven": True}
    send(own, "/v1/ingest", {"events": [{**seen, "sessionId": str(uuid4()), "userId": user} for user in users]})


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


@pytest.mark.parametrize(("options", "left"), [((), ["", "", "ben"]), (("--shared",), ["ben"])])
def test_events_without_a_user_on_a_device_of_several_stay_unless_told_otherwise(
    own: Own, ann: Ann, options: tuple[str, ...], left: list[str]
):
    seen = {"eventName": "page_viewed", "timestamp": iso(), "anonymousId": ann.device, "consentGiven": True}
    sessions = [(ann.session, None), (ann.session, ann.id), (f"{ann.session}-2", "ben"), (f"{ann.session}-3", None)]
    send(own, "/v1/ingest", {"events": [{**seen, "sessionId": name, "userId": who} for name, who in sessions]})
    stored(own, ann.word, 4)

    assert "2 events without a user on devices that others have used too" in forget(own, ann.id, "--dry-run").stdout
    forget(own, ann.id, *options)
    assert readable_users(own, ann.word) == left


def test_nobody_is_tied_to_a_user_whose_name_was_sent_as_their_device(own: Own, ann: Ann):
    mallory = f"mallory-{uuid4()}"
    own.post(event(user_id=mallory), event(user_id=ann.id, url=f"https://x/{ann.word}"))
    sent = {"eventName": "page_viewed", "timestamp": iso(), "anonymousId": mallory, "userId": ann.id,
            "sessionId": ann.session, "consentGiven": True}  # fmt: skip
    send(own, "/v1/ingest", {"events": [sent]})
    stored(own, ann.word, 2)
    assert "blanked 1 event;" in forget(own, mallory).stdout
    stored(own, ann.word, 2)


def test_a_device_means_what_was_done_on_it_without_a_user(own: Own, ann: Ann):
    on_device(own, ann, ann.id)
    stored(own, ann.word, 1)
    said = forget(own, ann.device, code=1).stderr
    assert f"{ann.device}: no user of project load has this name, and each event of that device has a user" in said
    on_device(own, ann, None)
    stored(own, ann.word, 2)
    for rows in ("1 event;", "0 events;"):
        said = forget(own, ann.device).stdout
        assert "users were seen on 1 device of those named, and stay" in said
        assert f"blanked {rows}" in said
        assert readable_users(own, ann.word) == [ann.id]


def test_the_same_command_again_never_means_who_shared_a_device_that_it_names(own: Own, ann: Ann):
    ben = f"{ann.word}-ben"
    on_device(own, ann, None, ann.id, ben)
    own.post(event(user_id=ben, session_id=str(uuid4()), url=f"https://x/{ann.word}"))
    stored(own, ann.word, 4)
    for rows in ("2 events;", "0 events;", "0 events;"):
        said = forget(own, ann.id, ann.device).stdout
        assert "that others have used too" not in said  # the device is named, so nothing on it is in doubt
        assert f"blanked {rows}" in said
        assert readable_users(own, ann.word) == [ben, ben]


@pytest.mark.parametrize("name", ["id", "device"])
def test_a_device_leads_to_nobody_who_was_forgotten_with_it_where_somebody_else_has_it_now(
    own: Own, ann: Ann, name: str
):
    on_device(own, ann, ann.id, None)
    stored(own, ann.word, 2)
    forget(own, getattr(ann, name))
    own.post(event(user_id=ann.id, session_id="3", url=f"https://x/{ann.word}"))
    on_device(own, ann, None, f"{ann.word}-ben")
    forget(own, ann.device)
    assert ann.id in readable_users(own, ann.word)
    assert f"{ann.word}-ben" in readable_users(own, ann.word)


def test_who_is_known_by_a_device_alone_is_found_again_once_forgotten(own: Own, ann: Ann):
    on_device(own, ann, None)
    stored(own, ann.word, 1)
    for rows in ("1 event;", "0 events;"):
        assert f"blanked {rows}" in forget(own, ann.device).stdout


def test_a_session_that_others_have_a_part_in_keeps_what_nobody_is_told_of(own: Own, ann: Ann):
    shared = {"session_id": ann.session, "url": f"https://x/{ann.word}"}
    send(own, "/collect/batch", {"events": [
        event(**shared), event(user_id=ann.id, **shared), event(user_id="ben", **shared)
    ]})  # fmt: skip
    stored(own, ann.word, 3)
    forget(own, ann.id)
    stored(own, ann.word, 2)


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


def test_who_has_left_more_than_a_statement_may_hold_is_forgotten(own: Own, ann: Ann):
    sessions, at_once = 13_000, 500
    for start in range(0, sessions, at_once):
        own.post(*(event(user_id=ann.id, session_id=f"{ann.session}-{start + number}") for number in range(at_once)))
    assert own.audit()[0] == 0
    assert "blanked 13,000 events;" in forget(own, ann.id).stdout
    assert places_of(own, ann.word) == {}
