"""A block's lines as columns of the table."""

from __future__ import annotations

import re
from importlib import resources
from uuid import UUID

import msgspec
from tests.factories import NOW, TOPIC, processed_line

from sluice.contract.event import Outcome, Stage
from sluice.contract.processed import UserChange, unreadable_payload
from sluice.sinks.columns import NAMES, TYPES, columns


def row(**changes: object) -> dict[str, object]:
    return dict(zip(NAMES, (column[0] for column in columns([processed_line(7, 3, **changes)], 5)), strict=True))


def schema(name: str) -> str:
    return resources.files("sluice.sinks").joinpath("schema", name).read_text()


def test_names_and_types_are_those_of_the_schema():
    kind = r"(\w+(?:\([^)]*\))?)"
    made = re.findall(rf"^    (\w+) +{kind}[^\n]*COMMENT '", schema("001_event_log.sql"), flags=re.MULTILINE)
    added = re.findall(rf"^    ADD COLUMN IF NOT EXISTS (\w+) {kind}", schema("002_users.sql"), flags=re.MULTILINE)
    assert sorted(made + added) == sorted(zip(NAMES, TYPES, strict=True))


def test_a_line_knows_where_it_stood_and_which_block_brought_it():
    assert {name: row()[name] for name in NAMES if name.startswith(("source_", "block_"))} == {
        "source_topic": UUID(TOPIC),
        "source_partition": 0,
        "source_offset": 7,
        "source_line": 3,
        "source_timestamp": NOW,
        "block_first": 5,
    }


def test_a_rejected_line_carries_why_and_the_first_one():
    first = UUID(int=9)
    found = row(outcome=Outcome.DUPLICATE, stage=Stage.PROCESSOR, reason="seen", duplicate_of=str(first))
    assert (found["outcome"], found["stage"], found["reason"], found["duplicate_of"]) == (
        "duplicate",
        "processor",
        "seen",
        first,
    )


def test_a_line_that_changes_its_user_carries_how():
    change = UserChange(email="ann@example.com", set={"plan": "gold"}, unset=("trial",))
    assert user_columns(user_change=change) == {
        "changes_user": True,
        "user_email": "ann@example.com",
        "user_set": {"plan": "gold"},
        "user_unset": ("trial",),
    }


def test_attributes_that_are_the_events_properties_are_put_together_with_the_others():
    event = msgspec.structs.replace(processed_line().event, properties={"plan": "gold", "seats": "3"})
    with_them = UserChange(sets_properties=True, set={"trial": ""})
    assert user_columns(event=event, user_change=with_them)["user_set"] == {"plan": "gold", "seats": "3", "trial": ""}
    assert user_columns(event=event, user_change=UserChange(set={"a": "1"}))["user_set"] == {"a": "1"}


def test_a_change_without_attributes_is_one_too():
    empty: dict[str, object] = {"user_email": "", "user_set": {}, "user_unset": ()}
    assert user_columns(user_change=UserChange()) == {"changes_user": True, **empty}
    assert user_columns() == {"changes_user": False, **empty}


USER_COLUMNS = {"changes_user", "user_email", "user_set", "user_unset"}


def user_columns(**changes: object) -> dict[str, object]:
    return {name: value for name, value in row(**changes).items() if name in USER_COLUMNS}


def test_a_line_that_can_be_sent_in_again_carries_its_raw_line():
    assert row(raw_line=msgspec.Raw(b'{"id":1}'))["raw_line"] == b'{"id":1}'
    assert row()["raw_line"] == b""


def test_a_payload_that_is_no_json_is_stored_as_its_bytes():
    assert row(payload_base64=unreadable_payload(b"\xff\x00"))["payload"] == b"\xff\x00"
    assert row(payload_base64=unreadable_payload(b""))["payload"] == b""


def test_a_column_has_a_value_for_each_line():
    block = columns([processed_line(7, n) for n in range(3)], 7)
    assert {len(column) for column in block} == {3}
    assert len(block) == len(NAMES) == len(TYPES)
