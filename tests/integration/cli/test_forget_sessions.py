"""Sessions, after somebody in them was forgotten: their pages are gone, those of others stay."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from tests.integration.cli.conftest import event
from tests.integration.cli.forgetting import forget, places_of, session_pages

from sluice.cli.forgetting.columns import SESSION_KEY
from sluice.cli.forgetting.entries import sessions_blanked

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Ann, Own


def test_no_page_of_theirs_is_shown_of_a_session_that_ended_with_somebody_else(own: Own, ann: Ann):
    now, session = int(time.time() * 1000), f"shared-{uuid4()}"
    own.post(event(user_id=ann.id, session_id=session, url=f"https://x/{ann.word}", timestamp=now))
    own.post(event(user_id="ben", session_id=session, url="https://x/ben", timestamp=now + 1000))
    assert own.audit()[0] == 0
    own.change("OPTIMIZE TABLE sluice.rollup_sessions FINAL")
    forget(own, ann.id)
    assert places_of(own, ann.word) == {}


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
    with own.as_before("rollup_sessions"):
        forget(own, ann.id)
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
