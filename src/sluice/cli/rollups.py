"""`sluice rollups`: the tables that add events up, held against the event log and made anew from it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from sluice.cli.rebuilding.rollup import NAMES, called
from sluice.cli.rebuilding.settings import RollupsSettings
from sluice.role.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.cli.rebuilding.checking import Checked
    from sluice.cli.rebuilding.rollup import Rollup

_names = click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
_clickhouse_url = click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")


@click.group()
def command() -> None:
    """Hold the roll-ups against the event log, or make them anew from it."""


@command.command()
@_names
@_clickhouse_url
def check(names: tuple[str, ...], clickhouse_url: str | None) -> None:
    """Compare the roll-ups, all or those named, with sluice.event_log month by month, and fail unless they agree.

    Names: minutes, sessions, visitor_days, users.
    """
    from sluice.cli.rebuilding.report import notes, verdict

    settings = load(RollupsSettings, clickhouse_url=clickhouse_url)
    checked = asyncio.run(_check(settings.clickhouse_url, called(names)))
    for note in notes(checked):
        click.echo(note)
    fail_if_wrong(checked)
    click.echo(verdict(checked))


@command.command()
@_names
@_clickhouse_url
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
def rebuild(names: tuple[str, ...], clickhouse_url: str | None, kafka_bootstrap: str | None) -> None:
    """Make the roll-ups, all or those named, anew from sluice.event_log; the sinks must be stopped.

    Until it is done, analysts see the old ones. Names: minutes, sessions, visitor_days, users.
    """
    settings = load(RollupsSettings, clickhouse_url=clickhouse_url, kafka_bootstrap=kafka_bootstrap)
    rollups = called(names)
    checked = asyncio.run(_rebuild(settings, rollups))
    fail_if_wrong(checked)
    click.echo(f"made anew: {', '.join(rollup.name for rollup in rollups)}")


def fail_if_wrong(checked: Checked) -> None:
    """Say loudly where roll-ups differ from the event log, and end with exit code 1 then."""
    from sluice.cli.rebuilding.report import alarms

    for alarm in alarms(checked):
        click.secho(alarm, fg="red", bold=True, err=True)
    if checked.is_wrong:
        sys.exit(1)


async def _check(url: str, rollups: Sequence[Rollup]) -> Checked:
    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.rebuilding.checking import RollupTables, check

    return await check(RollupTables(ClickHouse(url), rollups))


async def _rebuild(settings: RollupsSettings, rollups: Sequence[Rollup]) -> Checked:
    from sluice.cli.rebuilding.deployment import make_anew

    return await make_anew(settings, rollups)
