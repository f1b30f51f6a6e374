"""Which rejected events are meant."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from sluice.cli.replaying.filters import Filters

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
