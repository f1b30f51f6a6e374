"""`sluice migrate` after an upgrade: what it says of roll-ups that lack older events, and how it fills them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.cli.conftest import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cli.conftest import Own

LACKING = (
    "event_log has rows that minutes, sessions lack: stop the sinks (locally: `sluice up --without sinks`) "
    "and run `sluice migrate --rebuild`\n"
)


@pytest.fixture
def upgraded(own: Own) -> Iterator[Own]:
    """A deployment without sinks, of which some roll-ups have nothing of what was stored."""
    for _ in range(5):  # more blocks than there are partitions: the last one of each is for the sinks
        request_id = own.post(event())
        own.wait_until(lambda: [seen["place"] for seen in own.where(request_id)] == ["stored"], "it was stored")  # noqa: B023
    assert own.audit()[0] == 0
    with own.without("sinks"):
        for name in ("minutes", "sessions"):
            own.change(f"TRUNCATE TABLE sluice.rollup_{name}")
        yield own
    assert own.audit()[0] == 0


def test_each_time_it_is_said_which_roll_ups_lack_what_was_stored_until_they_are_filled(upgraded: Own):
    days_before = upgraded.query("SELECT sum(rows) FROM sluice.rollup_visitor_days")
    for _ in range(2):
        done = upgraded.sluice("migrate")
        assert (done.returncode, done.stdout, done.stderr) == (0, "the schema is up to date\n", LACKING)
    filled = upgraded.sluice("migrate", "--rebuild")
    assert (filled.returncode, filled.stderr) == (0, "")
    assert filled.stdout == "the schema is up to date\nfilled from event_log: minutes, sessions\n"
    for options in ((), ("--rebuild",)):
        done = upgraded.sluice("migrate", *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "the schema is up to date\n", "")
    stored = upgraded.query("SELECT count() FROM sluice.event_log")
    assert upgraded.query("SELECT sum(rows) FROM sluice.rollup_minutes") == stored
    assert upgraded.query("SELECT sum(rows) FROM sluice.rollup_visitor_days") == days_before
