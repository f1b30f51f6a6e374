"""What events change about their users: API 5's own events for it, and API 4's profiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.factories import NOW, raw_line

from sluice.contract.event import Api, Outcome
from sluice.contract.processed import UserChange
from sluice.contract.raw import Client, Context
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook, Verdict
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine

ANN = Context(user_id="u-1", email="ann@example.com")
RULES = Rulebook(Visitors(b"secret"))


def judged(*lines: RawLine) -> list[Verdict]:
    """Judge lines one after the other, each with what is remembered of those before it."""
    state = Draft(MemoryState())
    verdicts = []
    for line in lines:
        verdicts.append(RULES.judge(line, state))
        state.put(verdicts[-1].remember)
    return verdicts


def change_by(line: RawLine) -> UserChange | None:
    """Give the change by a stored event with all that it sets, whether the event's properties say it or not."""
    (verdict,) = judged(line)
    assert verdict.outcome is Outcome.STORED
    change = verdict.user_change
    if change is None:
        return None
    attributes = change.attributes_with(verdict.event.properties)
    return msgspec.structs.replace(change, sets_properties=False, set=attributes)


def event_line(event: dict[str, Any] | None, user: dict[str, Any] | None = None, **changes: Any) -> RawLine:
    body = {"user": {"_id": "u-1"} if user is None else user, "event": event}
    return raw_line(body, **({"api": Api.USER_EVENT, "context": ANN, "key": "demo/user/u-1"} | changes))


def update(**members: Any) -> UserChange | None:
    return change_by(event_line({"update": members}))


def saved(user: dict[str, Any], context: Context = ANN) -> UserChange | None:
    return change_by(event_line(None, user, context=context))


def profile_line(profile: dict[str, Any] | str | None, *, unique_id: str = "a", **changes: Any) -> RawLine:
    metric = {"data": {"type": "metric", "attributes": {"name": "Viewed Product"}}}
    event = {"type": "event", "attributes": {"metric": metric, "unique_id": unique_id}}
    sent = profile if isinstance(profile, str) else json.dumps(profile)
    context = msgspec.structs.replace(ANN, profile=msgspec.UNSET if profile is None else msgspec.Raw(sent.encode()))
    return raw_line(event, **({"api": Api.CLIENT, "context": context, "key": "demo/user/u-1"} | changes))


def profile(attributes: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    return {"type": "profile", "attributes": attributes, **members}


def by_profile(attributes: dict[str, Any] | None, **members: Any) -> UserChange:
    change = change_by(profile_line(profile(attributes, **members)))
    assert change is not None
    return change


def unset(names: Any) -> dict[str, Any]:
    return {"patch_properties": {"unset": names}}


def test_an_update_sets_its_members():
    assert update(firstname="alexandru", plan="gold") == UserChange(
        email="ann@example.com", set={"firstname": "alexandru", "plan": "gold"}
    )


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("", ""),
        (" a ", " a "),
        ("null", "null"),
        ('"', '"'),
        (0, "0"),
        (1.50, "1.5"),
        (True, "true"),
        (["a", 1], '["a", 1]'),
        ({}, "{}"),
        ({"b": None}, '{"b": null}'),
    ],
)
def test_strings_are_set_as_they_are_and_everything_else_as_json_text(sent: Any, text: str):
    assert update(a=sent) == UserChange(email="ann@example.com", set={"a": text})


def test_a_number_beyond_64_bits_is_set_as_it_was_written():
    line = event_line({"update": {}})
    line = msgspec.structs.replace(
        line, event=msgspec.Raw(b'{"user":{"_id":"u-1"},"event":{"update":{"a":123456789012345678901.50e1}}}')
    )
    assert change_by(line) == UserChange(email="ann@example.com", set={"a": "123456789012345678901.50e1"})


def test_of_two_members_with_one_name_the_last_counts():
    line = event_line({"update": {}})
    line = msgspec.structs.replace(
        line, event=msgspec.Raw(b'{"user":{"_id":"u-1"},"event":{"update":{"a":"1","b":"1","a":null,"b":"2"}}}')
    )
    assert change_by(line) == UserChange(email="ann@example.com", set={"b": "2"}, unset=("a",))


@pytest.mark.parametrize("body", [{"event": {"update": {"a": [1], "b": ""}}}, {"user": {"a": [1], "b": ""}}])
def test_what_the_events_properties_say_is_not_said_again(body: dict[str, Any]):
    (verdict,) = judged(event_line(body.get("event"), body.get("user")))
    assert verdict.event.properties == {"a": "[1]"}
    assert verdict.user_change == UserChange(email="ann@example.com", sets_properties=True, set={"b": ""})


def test_what_a_column_took_is_said_beside_the_properties():
    (verdict,) = judged(event_line({"login": {"country": "de", "plan": "gold"}}))
    assert (verdict.event.country, verdict.event.properties) == ("DE", {"plan": "gold"})
    assert verdict.user_change == UserChange(email="ann@example.com", sets_properties=True, set={"country": "de"})


@pytest.mark.parametrize("inner", [{"plan": "free"}, {"colour": "red"}])
def test_properties_that_are_not_all_attributes_are_no_attributes(inner: dict[str, str]):
    (verdict,) = judged(event_line({"login": {"plan": "gold", "properties": inner}}))
    assert verdict.event.properties == {"plan": "gold"} | inner
    attributes = {"plan": "gold", "properties": json.dumps(inner)}
    assert verdict.user_change == UserChange(email="ann@example.com", set=attributes)


def test_null_removes_an_attribute():
    assert update(plan="gold", trial=None) == UserChange(
        email="ann@example.com", set={"plan": "gold"}, unset=("trial",)
    )


def test_an_update_without_members_says_that_the_user_is_there():
    assert update() == UserChange(email="ann@example.com")


def test_what_names_the_user_once_more_is_no_attribute():
    assert update(_id="u-1", email=" Ann@Example.com ", plan="gold") == UserChange(
        email="ann@example.com", set={"plan": "gold"}
    )


def test_another_name_is_an_attribute():
    assert update(_id="u-2", email="ben@example.com") == UserChange(
        email="ann@example.com", set={"_id": "u-2", "email": "ben@example.com"}
    )


def test_an_id_that_is_an_integer_names_the_user_by_its_digits():
    ann = Context(user_id="17", email="")
    assert change_by(event_line({"update": {"_id": 17}}, context=ann)) == UserChange()


def test_an_event_takes_a_further_name_away_by_null_and_a_saved_user_does_not():
    assert update(_id=None, email=None) == UserChange(email="ann@example.com", unset=("_id", "email"))
    assert saved({"_id": None, "email": "ann@example.com"}) == UserChange(email="ann@example.com")


def test_the_time_of_an_event_is_no_attribute():
    assert update(timestamp=NOW, plan="gold") == UserChange(email="ann@example.com", set={"plan": "gold"})
    assert update(timestamp=None) == UserChange(email="ann@example.com")


def test_a_login_sets_attributes_too():
    line = event_line({"login": {"email": "ann@example.com", "timestamp": NOW, "plan": "gold", "trial": None}})
    assert change_by(line) == UserChange(email="ann@example.com", set={"plan": "gold"}, unset=("trial",))


def test_of_a_saved_user_all_members_are_attributes():
    user = {"_id": "u-1", "email": "ann@example.com", "timestamp": 5, "event": "wedding", "plan": None}
    assert saved(user) == UserChange(
        email="ann@example.com", set={"timestamp": "5", "event": "wedding"}, unset=("plan",)
    )


def test_a_user_who_is_saved_without_attributes_is_a_user_all_the_same():
    assert saved({"_id": "u-1"}, Context(user_id="u-1")) == UserChange()


@pytest.mark.parametrize("kind", ["page_view", "logout", "cart_view", "email_click", "search"])
def test_other_events_change_nothing(kind: str):
    assert change_by(event_line({kind: {"plan": "gold"}})) is None


@pytest.mark.parametrize("name", ["update", "login", "user_saved"])
def test_a_generic_event_changes_nothing_whatever_it_is_called(name: str):
    assert change_by(event_line({"generic": {"event_name": name, "plan": "gold"}})) is None


def test_an_update_of_another_api_changes_nothing():
    line = raw_line({"type": "update", "plan": "gold", "userId": "u-1"}, api=Api.EVENTS)
    assert change_by(line) is None


def test_whom_no_gateway_has_found_is_not_changed():
    assert change_by(event_line({"update": {"plan": "gold"}}, context=Context())) is None


def test_a_profile_sets_its_attributes():
    attributes = {
        "email": "ann@example.com",
        "phone_number": "+15005550006",
        "external_id": "e-1",
        "anonymous_id": "a-1",
        "_kx": "kx",
        "first_name": "Ann",
        "last_name": "Lee",
        "organization": "Shop",
        "locale": "ro-RO",
        "title": "Engineer",
        "image": "https://shop.example/ann.png",
    }
    named = {"email", "_kx"}
    assert by_profile(attributes, id="u-1") == UserChange(
        email="ann@example.com", set={name: value for name, value in attributes.items() if name not in named}
    )


def test_a_location_is_flattened_and_its_numbers_stay_as_they_were_sent():
    location = '{"city": "Boston", "zip": null, "latitude": 42.50, "longitude": "-71.10"}'
    line = profile_line('{"type": "profile", "attributes": {"location": ' + location + "}}")
    assert change_by(line) == UserChange(
        email="ann@example.com",
        set={"location.city": "Boston", "location.latitude": "42.50", "location.longitude": "-71.10"},
    )


def test_properties_of_a_profile_are_attributes():
    assert by_profile({"properties": {"pseudonym": "Dr. Octopus", "tags": ["a"], "none": None}}) == UserChange(
        email="ann@example.com", set={"pseudonym": "Dr. Octopus", "tags": '["a"]'}
    )


def test_of_an_attribute_and_a_property_with_the_same_name_the_property_counts():
    both = {"title": "Engineer", "location": {"city": "Boston"}}
    assert by_profile(both | {"properties": {"title": "Doctor", "location.city": "Iași"}}).set == {
        "title": "Doctor",
        "location.city": "Iași",
    }
    assert by_profile(both | {"properties": {"title": None}}).set == {"title": "Engineer", "location.city": "Boston"}


def test_null_is_absent_in_a_profile():
    attributes = dict.fromkeys(("email", "first_name", "location", "properties", "phone_number"))
    assert by_profile(attributes, meta=None) == UserChange(email="ann@example.com")
    assert by_profile(None, id="u-1", meta={"patch_properties": None}) == UserChange(email="ann@example.com")
    assert by_profile({}, meta=unset(None)) == UserChange(email="ann@example.com")


def test_attributes_may_be_left_out():
    assert change_by(profile_line({"type": "profile", "id": "u-1"})) == UserChange(email="ann@example.com")


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ("skus", ("skus",)),
        ("", ("",)),
        ([], ()),
        (["skus"], ("skus",)),
        (["skus", "plan", "skus"], ("skus", "plan")),
        (["location.city"], ("location.city",)),
    ],
)
def test_a_profile_removes_what_it_unsets(sent: Any, names: tuple[str, ...]):
    assert by_profile({}, meta=unset(sent)) == UserChange(email="ann@example.com", unset=names)


def test_what_a_profile_gives_and_unsets_at_once_is_given():
    assert by_profile({"title": "Doctor"}, meta=unset(["title", "plan"])) == UserChange(
        email="ann@example.com", set={"title": "Doctor"}, unset=("plan",)
    )


def test_append_and_unappend_change_nothing():
    meta = {"patch_properties": {"append": {"skus": "1"}, "unappend": {"skus": "2"}}}
    assert by_profile({}, meta=meta) == UserChange(email="ann@example.com")


def test_an_event_without_the_profile_changes_nothing():
    assert change_by(profile_line(None)) is None


GOLD = profile({"properties": {"plan": "gold"}})


def test_the_profile_counts_where_its_event_is_a_duplicate():
    first, second = judged(profile_line(None, number=1), profile_line(GOLD, number=2))
    assert (first.outcome, second.outcome) == (Outcome.STORED, Outcome.DUPLICATE)
    assert second.user_change == UserChange(email="ann@example.com", set={"plan": "gold"})


def test_the_profile_of_a_repeated_request_does_not_count_again():
    first, second = judged(
        profile_line(GOLD, number=1, idempotency_key="k"),
        profile_line(GOLD, number=2, idempotency_key="k", unique_id="b"),
    )
    assert (first.outcome, second.outcome) == (Outcome.STORED, Outcome.DUPLICATE)
    assert first.user_change is not None
    assert second.user_change is None


def test_the_profile_of_an_event_that_was_sent_in_again_and_stored_does_not_count_again():
    first, second = judged(profile_line(GOLD, replay=1), profile_line(GOLD, replay=2))
    assert (first.outcome, second.outcome) == (Outcome.STORED, Outcome.DUPLICATE)
    assert first.user_change is not None
    assert second.user_change is None


def test_a_rejected_update_changes_nothing():
    first, second = judged(
        event_line({"update": {"plan": "free"}}, number=1, idempotency_key="k"),
        event_line({"update": {"plan": "gold"}}, number=2, idempotency_key="k"),
    )
    assert second.outcome is Outcome.DUPLICATE
    assert first.user_change is not None
    assert second.user_change is None


def test_what_a_crawler_sends_changes_nothing():
    (verdict,) = judged(profile_line(GOLD, client=Client("192.0.2.1", "Googlebot/2.1")))
    assert verdict.outcome is Outcome.BOT
    assert verdict.user_change is None


def test_a_rejected_event_of_nobody_changes_nothing():
    nobody = Context(profile=msgspec.Raw(json.dumps(GOLD).encode()))
    first, second = judged(*(profile_line(GOLD, number=number, context=nobody) for number in (1, 2)))
    assert second.outcome is Outcome.DUPLICATE
    assert first.user_change is None
    assert second.user_change is None
