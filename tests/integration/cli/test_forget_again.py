"""Who was forgotten stays it: after a restore, a replay, or a command that broke off."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.integration.cli.conftest import CRAWLER, event
from tests.integration.cli.forgetting import forget, places_of, send, stored, users_called, visit

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Ann, Own


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
    with own.as_before("event_log"):
        forget(own, ann.id)


def test_a_session_is_registered_before_its_name_is_gone(own: Own, ann: Ann):
    page = {"session_id": ann.session, "url": f"https://x/{ann.word}"}
    own.post(event(user_id=ann.id, **page), event(**page))
    stored(own, ann.word, 2)
    assert own.audit()[0] == 0
    registered = own.query("SELECT count() FROM sluice.forgotten")
    arguments = own.command("users", "forget", "--project", "load", "--yes", ann.id)
    with subprocess.Popen(arguments, env=own.environment, stdout=subprocess.DEVNULL) as command:
        try:
            own.wait_until(
                lambda: own.query("SELECT count() FROM sluice.forgotten") != registered, "she is registered"
            )
        finally:
            command.kill()
    assert own.sluice("users", "forget", "--again").returncode == 0
    assert places_of(own, ann.word) == {}


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
