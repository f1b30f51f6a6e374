"""Which rejected events are meant."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from sluice.cli.replaying.filters import Filters, moment_ms
from sluice.contract.errors import Unusable

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW_MS = 1_795_262_400_000
HOSTILE = "'; DROP TABLE sluice.event_log; -- {x} %s \\"


def test_without_filters_everything_is_meant():
    assert Filters().condition() == ("true", {})


def test_filters_hold_together():
    condition, bound = Filters(project="demo", outcome="bot").condition()
    assert condition == "project = {project:String} AND outcome = {outcome:String}"
    assert bound == {"project": "demo", "outcome": "bot"}


def test_an_empty_project_is_a_filter_too():
    assert Filters(project="").condition() == ("project = {project:String}", {"project": ""})


@pytest.mark.parametrize("name", [field.name for field in fields(Filters)])
def test_every_filter_has_a_condition_and_is_bound(name: str):
    given: dict[str, Any] = {name: HOSTILE}
    condition, bound = Filters(**given).condition()
    assert f"{{{name}:" in condition
    assert HOSTILE not in condition
    assert bound == {name: HOSTILE}


def test_all_filters_are_bound_by_their_own_names():
    everything: dict[str, Any] = {field.name: f"{HOSTILE}{field.name}" for field in fields(Filters)}
    condition, bound = Filters(**everything).condition()
    assert bound == everything
    assert condition.count(" AND ") == len(everything) - 1
    assert "DROP" not in condition


@pytest.mark.parametrize(
    ("text", "ago_ms"),
    [
        ("1s", 1000),
        ("90s", 90_000),
        ("30m", 1_800_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        ("2026-11-21", 43_200_000),
        ("2026-11-21T11:59:59.999Z", 1),
        ("2026-11-21T11:59", 60_000),
        ("2026-11-21T13:00:00+02:00", 3_600_000),
        ("1970-01-01", NOW_MS),
    ],
)
def test_a_time_is_so_long_ago_or_a_moment(text: str, ago_ms: int):
    assert moment_ms("--since", text, NOW) == NOW_MS - ago_ms


@pytest.mark.parametrize(
    "text",
    ["", "0s", "2", "2w", "-2h", "2 h", "h", "12345678h", "1969-12-31T23:59:59Z", "2300-01-01", "9999999d", "soon",
     "2026-02-30", "٣h", "2026-11-21T25:00"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_it_should_be(text: str):
    with pytest.raises(Unusable, match=r"^--until must be a time .* or how long ago: 90s, 30m, 2h, 7d$"):
        moment_ms("--until", text, NOW)
