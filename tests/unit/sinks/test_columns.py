"""A block's lines as columns of the table."""

from __future__ import annotations

import re
from importlib import resources
from uuid import UUID

from tests.factories import NOW, TOPIC, processed_line

from sluice.contract.event import Outcome, Stage
from sluice.contract.processed import unreadable_payload
from sluice.sinks.columns import NAMES, TYPES, columns


def row(**changes: object) -> dict[str, object]:
    return dict(zip(NAMES, (column[0] for column in columns([processed_line(7, 3, **changes)], 5)), strict=True))


def test_names_and_types_are_those_of_the_schema():
    schema = resources.files("sluice.sinks").joinpath("schema", "001_event_log.sql").read_text()
    declared = re.findall(r"^    (\w+) +(\w+(?:\([^)]*\))?(?:\([^)]*\))?)[^\n]*COMMENT '", schema, flags=re.MULTILINE)
    assert declared == list(zip(NAMES, TYPES, strict=True))


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


def test_a_payload_that_is_no_json_is_stored_as_its_bytes():
    assert row(payload_base64=unreadable_payload(b"\xff\x00"))["payload"] == b"\xff\x00"
    assert row(payload_base64=unreadable_payload(b""))["payload"] == b""


def test_a_column_has_a_value_for_each_line():
    block = columns([processed_line(7, n) for n in range(3)], 7)
    assert {len(column) for column in block} == {3}
    assert len(block) == len(NAMES) == len(TYPES)
