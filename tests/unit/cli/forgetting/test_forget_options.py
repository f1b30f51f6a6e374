"""What `sluice users forget` takes, and what it says; nobody is named in what it says of those it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sluice.cli.forgetting import report
from sluice.cli.forgetting.command import named
from sluice.cli.forgetting.forget import Forgotten, Found, Person
from sluice.cli.forgetting.retention import Remains
from sluice.cli.forgetting.traces import BOUND_BYTES
from sluice.cli.users import command
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person(frozenset({"u-1", "ann@example.com"}), devices=frozenset({"device-1"}))


def test_users_come_from_the_command_line_and_from_a_file_each_once(tmp_path: Path):
    file = tmp_path / "users"
    file.write_bytes("\ufeffu-2\r\n\n  ann@example.com \nu-1\n".encode())
    assert named(["u-1"], file) == ["u-1", "u-2", "ann@example.com"]


@pytest.mark.parametrize("users", [[], [""], ["u-1", " "]])
def test_somebody_must_be_named(users: list[str]):
    with pytest.raises(Unusable, match="name"):
        named(users, None)


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(Unusable, match="UTF-8"):
        named([b"ann\xff".decode("utf-8", "surrogateescape")], None)


def test_a_name_that_is_too_long_to_be_looked_for_is_refused():
    assert named(["x" * BOUND_BYTES], None)
    with pytest.raises(Unusable, match="50,000 bytes"):
        named(["x" * (BOUND_BYTES + 1)], None)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(Unusable, match="none cannot be read"):
        named([], tmp_path / "none")


def test_a_project_must_be_named():
    result = CliRunner().invoke(command, ["forget", "u-1"])
    assert "--project" in str(result.exception)


@pytest.mark.parametrize("beside", [["u-1"], ["--project", "shop"], ["--file", "users"]])
def test_again_means_everybody(beside: list[str]):
    result = CliRunner().invoke(command, ["forget", "--again", *beside])
    assert "--again means everybody" in str(result.exception)


def test_who_was_found_is_told_in_numbers():
    assert list(report.surveyed(Found([ANN], rows=1))) == ["1 person: 2 names, 1 device, 1 event that can be read"]
    assert next(report.surveyed(Found([ANN, ANN], rows=0))).startswith("2 people: ")


def test_what_may_be_of_others_is_told():
    assert "--shared" in list(report.surveyed(Found([ANN], on_shared_devices=3)))[1]


def test_who_was_not_found_is_named_without_control_characters():
    [told] = report.unknown(Found(unknown=["\x1b[2J"]), "shop")
    assert told.startswith("\\x1b[2J: no user of project shop")


def test_it_is_said_from_when_on_somebody_is_new():
    assert list(report.done(Forgotten(2, arrived=True, forgotten_at=0))) == [
        "blanked 2 events; forgotten is what was received before 1970-01-01 00:00:00.000 UTC"
    ]


def test_what_remains_is_told_with_its_end():
    told = list(report.remaining([Remains("events.raw", 0), Remains("events.processed", None)]))
    assert told[1].split() == ["events.raw", "until", "1970-01-01", "00:00", "UTC", "at", "the", "latest"]
    assert "for ever" in told[2]
