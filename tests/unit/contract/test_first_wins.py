"""A project's own rules: what the settings file may say of them, and the one sentence for what it may not."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.errors import Unusable
from sluice.contract.event import Api
from sluice.contract.first_wins import MAX_WINDOW_S, FirstWins, checked
from sluice.contract.projects import Project, parse


def project(*rules: dict[str, Any]) -> Project:
    settings = {"salt": "ab" * 16, "projects": {"shop": {"first_wins": list(rules)}}}
    return parse(settings).projects["shop"]


def rule(**changes: Any) -> dict[str, Any]:
    entry = {"name": "coupons", "key": "coupon"} | changes
    return {name: value for name, value in entry.items() if value is not ...}


def test_a_name_and_a_key_are_enough():
    (found,) = project(rule()).first_wins
    assert (found.apis, found.event_types, found.window_s, found.outcome) == (
        frozenset(Api),
        "*",
        None,
        "duplicate",
    )


def test_everything_can_be_said():
    toml = """
        salt = "0123456789abcdef0123456789abcdef"

        [[projects.shop.first_wins]]
        name = "one-search-a-minute"
        apis = ["pulse", "user_event"]
        event_types = ["search"]
        key = "@user"
        window_s = 60
        outcome = "throttled"
    """
    (found,) = parse(tomllib.loads(toml)).projects["shop"].first_wins
    assert found == FirstWins(
        name="one-search-a-minute",
        apis=frozenset({Api.PULSE, Api.USER_EVENT}),
        event_types=frozenset({"search"}),
        key="@user",
        window_s=60,
        outcome="throttled",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ...}, r"name: Field required"),
        ({"name": ""}, r"name: String should match pattern"),
        ({"name": "a/b"}, r"name: String should match pattern"),
        ({"name": "a" * 65}, r"name: String should match pattern"),
        ({"name": "a\n"}, r"name: String should match pattern"),
        ({"key": ...}, r"key: Field required"),
        ({"key": ""}, r"key: String should have at least 1 character"),
        ({"key": "k" * 129}, r"key: String should have at most 128 characters"),
        ({"key": "@users"}, r"key: a key is the name of a member, or @user$"),
        ({"key": 7}, r"key: Input should be a valid string"),
        ({"apis": []}, r"apis: Frozenset should have at least 1 item"),
        ({"apis": ["klaviyo"]}, r"apis\[0\]: Input should be 'pulse', 'events', 'ingest', 'client' or 'user_event'"),
        ({"event_types": []}, r'event_types: event_types is "\*" or a list of event types$'),
        ({"event_types": "search"}, r'event_types: event_types is "\*" or a list of event types$'),
        ({"event_types": {"a": 1}}, r'event_types: event_types is "\*" or a list of event types$'),
        ({"event_types": ["a", ""]}, r"event_types: an event type is a string of 1 to 2048 characters$"),
        ({"event_types": ["a" * 2049]}, r"event_types: an event type is a string of 1 to 2048 characters$"),
        ({"event_types": [7]}, r"event_types: an event type is a string of 1 to 2048 characters$"),
        ({"event_types": ["confirmation"]}, r"event_types: confirmation and email_open have rules of their own"),
        ({"event_types": ["x", "email_open"]}, r"event_types: confirmation and email_open have rules of their own"),
        ({"window_s": 0}, r"window_s: Input should be greater than 0"),
        ({"window_s": -1}, r"window_s: Input should be greater than 0"),
        ({"window_s": MAX_WINDOW_S + 1}, rf"window_s: Input should be less than or equal to {MAX_WINDOW_S}"),
        ({"window_s": 1.5}, r"window_s: Input should be a valid integer"),
        ({"window_s": True}, r"window_s: Input should be a valid integer"),
        ({"window_s": "60"}, r"window_s: Input should be a valid integer"),
        ({"outcome": "bot"}, r"outcome: Input should be 'duplicate' or 'throttled'"),
        ({"window_ms": 5}, r"window_ms: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change, sentence):
    with pytest.raises(Unusable, match=rf"the settings file is wrong: projects\.shop\.first_wins\[1\]\.{sentence}"):
        project(rule(event_types=["other"], name="other"), rule(**change))


@pytest.mark.parametrize("window_s", [1, MAX_WINDOW_S])
def test_a_window_is_from_a_second_to_ten_years(window_s: int):
    assert project(rule(window_s=window_s)).first_wins[0].window_s == window_s


@pytest.mark.parametrize(
    ("one", "other", "meeting"),
    [
        ({}, {}, "events of API client"),
        ({"apis": ["pulse"]}, {}, "events of API pulse"),
        ({"event_types": ["x"]}, {}, "events x of API client"),
        ({}, {"event_types": ["x"], "apis": ["events"]}, "events x of API events"),
        ({"event_types": ["x", "y"]}, {"event_types": ["y", "z"]}, "events y of API client"),
        (
            {"event_types": ["x"], "apis": ["pulse", "ingest"]},
            {"event_types": ["x"], "apis": ["ingest", "events"]},
            "events x of API ingest",
        ),
    ],
)
def test_two_rules_that_may_hold_for_one_event_are_refused(one, other, meeting):
    sentence = f"projects.shop.first_wins: the rules a and b both hold for {meeting}, but an event can be held"
    with pytest.raises(Unusable, match=sentence):
        project(rule(name="a", **one), rule(name="b", **other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"apis": ["pulse"]}, {"apis": ["events"]}),
        ({"event_types": ["x"]}, {"event_types": ["y"]}),
        ({"event_types": ["x"], "apis": ["pulse"]}, {"event_types": ["x"], "apis": ["events"]}),
    ],
)
def test_two_rules_that_never_meet_may_stand_side_by_side(one, other):
    assert len(project(rule(name="a", **one), rule(name="b", **other)).first_wins) == 2


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(Unusable, match=r"projects\.shop\.first_wins: two rules are called coupons"):
        project(rule(event_types=["x"]), rule(event_types=["y"]))


EVENT_TYPES = st.sampled_from(["x", "y", "z"])
RULES = st.builds(
    FirstWins,
    name=st.uuids().map(lambda unique: unique.hex),
    apis=st.frozensets(st.sampled_from(Api), min_size=1, max_size=2),
    event_types=st.just("*") | st.frozensets(EVENT_TYPES, min_size=1, max_size=2),
    key=st.just("k"),
)


@given(st.lists(RULES, max_size=4, unique_by=lambda found: found.name))
def test_rules_are_refused_exactly_where_two_hold_for_one_event(rules: list[FirstWins]):
    meet = any(
        sum(found.holds_for(api, event_type) for found in rules) > 1
        for api in Api
        for event_type in ("x", "y", "z", "another")
    )
    try:
        checked(rules)
    except ValueError:
        assert meet
    else:
        assert not meet


@pytest.mark.parametrize("event_type", ["confirmation", "email_open"])
def test_no_rule_holds_for_what_has_a_rule_of_its_own(event_type: str):
    everything = FirstWins(name="r", key="k")
    assert not any(everything.holds_for(api, event_type) for api in Api)
    assert all(everything.holds_for(api, "x") for api in Api)


def test_no_rule_holds_for_a_user_who_is_saved():
    everything = FirstWins(name="r", key="k")
    assert not everything.holds_for(Api.USER_EVENT, "user_saved")
    assert everything.holds_for(Api.PULSE, "user_saved")


def test_a_projects_rule_is_found_by_api_and_event_type():
    shop = project(rule(name="a", event_types=["x"]), rule(name="b", event_types=["y"], apis=["pulse"]))
    assert [found.name if found else None for found in (shop.rule_of(Api.PULSE, t) for t in "xyz")] == [
        "a",
        "b",
        None,
    ]
    assert shop.rule_of(Api.EVENTS, "y") is None


def test_the_example_in_the_local_stacks_file_can_be_used():
    text = files("sluice.local").joinpath("demo.toml").read_text("utf-8")
    before, _, example = text.partition("# [[projects.demo.first_wins]]")
    uncommented = before + "[[projects.demo.first_wins]]" + example.replace("\n# ", "\n")
    (found,) = parse(tomllib.loads(uncommented)).projects["demo"].first_wins
    assert (found.name, found.key, found.window_s) == ("coupons", "coupon", 86_400)


def test_the_example_in_the_guide_can_be_used():
    guide = (Path(__file__).parents[3] / "docs" / "rules.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    shop = parse(tomllib.loads(f'salt = "{"ab" * 16}"\n{example}')).projects["shop"]
    assert [found.name for found in shop.first_wins] == ["coupons", "one-search-a-minute"]
