"""The times that `--since` and `--until` take."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from sluice.cli import audit, rejected, tail, where
from sluice.cli.reading.since import Moment, PastMoment, moment_ms

NOW_MS = int(datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "ago_ms"),
    [
        ("0s", 0),
        ("1s", 1000),
        ("90s", 90_000),
        ("30m", 1_800_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        ("2026-11-21", 43_200_000),
        ("2026-11-21T11:59:59.999Z", 1),
        ("2026-11-21T11:59", 60_000),
        ("2026-11-21T13:00:00+02:00", 3_600_000),
        ("2026-11-21T12:00:01Z", -1000),
        ("1970-01-01", NOW_MS),
    ],
)
def test_a_time_is_so_long_ago_or_a_moment(text: str, ago_ms: int):
    assert moment_ms(text, NOW_MS) == NOW_MS - ago_ms


def test_the_last_time_is_that_of_clickhouse():
    assert moment_ms("2299-12-31T23:59:59.999Z", NOW_MS) == 10_413_791_999_999


@pytest.mark.parametrize(
    "text",
    ["", "1", "h", "-1h", "1.5h", "1w", "1 h", "1h\n", "٣h", "1" * 10 + "s", "9999999d", "1969-12-31T23:59:59Z",
     "2300-01-01", "0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59", "soon", "2026-02-30", "2026-11-21T25:00"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_it_should_be(text: str):
    with pytest.raises(click.BadParameter, match=r"^must be a time .* or how long ago: 90s, 10m, 1h, 7d$"):
        Moment(lambda: NOW_MS).convert(text, None, None)


@pytest.mark.parametrize("text", ["0s", "1h", "2026-11-21T12:00:00Z"])
def test_of_what_is_past_now_is_the_last_moment(text: str):
    assert PastMoment(lambda: NOW_MS).convert(text, None, None) <= NOW_MS


def test_a_time_to_come_is_not_past():
    with pytest.raises(click.BadParameter, match=r"^is in the future: it is 2026-11-21T12:00:00Z$"):
        PastMoment(lambda: NOW_MS).convert("2026-11-21T12:00:00.001Z", None, None)


@pytest.mark.parametrize("command", [audit.command, where.command])
def test_nothing_is_asked_since_a_time_to_come(command: click.Command):
    since = next(option for option in command.params if option.name == "since_ms")
    assert isinstance(since.type, PastMoment)


@pytest.mark.parametrize(
    ("given", "ms"), [([], NOW_MS - 3_600_000), (["--since", "2026-11-21"], NOW_MS - 43_200_000)]
)
def test_an_option_and_its_default_are_read_alike(given: list[str], ms: int):
    @click.command()
    @click.option("--since", type=Moment(lambda: NOW_MS), default="1h")
    def command(since: int) -> None:
        click.echo(since)

    assert CliRunner().invoke(command, given).output == f"{ms}\n"


@pytest.mark.parametrize("command", [audit.command, where.command, tail.command, rejected.list_, rejected.replay])
def test_every_command_takes_the_same_times(command: click.Command):
    [since] = [parameter for parameter in command.params if parameter.name == "since_ms"]
    assert isinstance(since.type, Moment)
