"""What `sluice users forget` says of who was not found."""

from __future__ import annotations

from sluice.cli.forgetting.forget import Found
from sluice.cli.forgetting.report import surveyed, unknown


def test_of_a_device_that_was_named_its_users_are_to_be_named_too():
    assert list(unknown(Found(unknown=["d1"], used_by_others=frozenset({"d1"})), "shop")) == [
        "d1: no user of project shop has this name, and each event of that device has a user: name those"
    ]
    assert list(surveyed(Found(unknown=["d1"], used_by_others=frozenset({"d1", "d2", "d3"}))))[1:] == [
        "users were seen on 2 devices of those named, and stay: name them to forget them as well"
    ]


def test_who_is_not_known_is_named():
    assert list(unknown(Found(unknown=["zed"]), "shop")) == [
        "zed: no user of project shop has this name, and no event names it"
    ]


def test_nothing_is_said_where_everybody_was_found():
    assert list(unknown(Found(), "shop")) == []


def test_of_a_project_without_anything_its_name_is_doubted_once():
    assert list(unknown(Found(unknown=["zed", "ann"], project_in_use=False), "nope")) == [
        "project nope has no user and no event: see that its name is written rightly"
    ]


def test_where_sinks_are_behind_the_answer_is_not_the_last():
    *_, last = unknown(Found(unknown=["zed"], looked_everywhere=False), "shop")
    assert last.startswith("but not all that was accepted is in ClickHouse yet")
