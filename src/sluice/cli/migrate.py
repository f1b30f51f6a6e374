"""`sluice migrate`: the schema in ClickHouse."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from sluice.cli.rebuilding.settings import RollupsSettings
from sluice.cli.rollups import fail_if_wrong
from sluice.role.settings import load
from sluice.sinks.settings import MigrateSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.cli.rebuilding.rollup import Rollup

SINKS_LEAVE_WITHIN_S = 30.0
"""A sink that keeps its place over restarts stays in its group until its session, of 10 s, has timed out."""


@click.command()
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092); only --rebuild asks them.")
@click.option("--rebuild", is_flag=True,
              help="Then fill roll-ups that have nothing of sluice.event_log; sinks must be stopped.")  # fmt: skip
@click.option("--print", "only_print", is_flag=True, help="Print the whole schema as SQL, and change nothing.")
def command(clickhouse_url: str | None, kafka_bootstrap: str | None, *, rebuild: bool, only_print: bool) -> None:
    """Bring the ClickHouse schema up to date; what is up to date is left alone.

    A roll-up that a newer version brings lacks the events that came before it. Those that are empty are named.
    """
    from sluice.sinks.migrations import migrate
    from sluice.sinks.schema.layout import layout_of
    from sluice.sinks.schema.migration import script

    settings = load(MigrateSettings, clickhouse_url=clickhouse_url)
    if only_print:
        click.echo(script(layout_of(settings.clickhouse_cluster)), nl=False)
        return
    migrated = migrate(settings.clickhouse_url, layout_of(settings.clickhouse_cluster), settings.event_log_ttl_days)
    for name in migrated.applied:
        click.echo(f"applied {name}")
    if not migrated.applied:
        click.echo("the schema is up to date")
    for note in migrated.notes:
        click.secho(note, fg="yellow", err=True)
    if not (empty := asyncio.run(_empty_rollups(settings.clickhouse_url))):
        return
    names = ", ".join(rollup.name for rollup in empty)
    if rebuild:
        _rebuild(load(RollupsSettings, clickhouse_url=clickhouse_url, kafka_bootstrap=kafka_bootstrap), empty)
        click.echo(f"filled from event_log: {names}")
    else:
        click.secho(
            f"event_log has rows that {names} lack: stop the sinks (locally: `sluice up --without sinks`) "
            "and run `sluice migrate --rebuild`",
            fg="yellow",
            err=True,
        )


async def _empty_rollups(url: str) -> Sequence[Rollup]:
    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.rebuilding.checking import RollupTables
    from sluice.cli.rebuilding.empty import empty_ones
    from sluice.cli.rebuilding.rollup import ROLLUPS

    return await empty_ones(RollupTables(ClickHouse(url), ROLLUPS), ROLLUPS)


def _rebuild(settings: RollupsSettings, rollups: Sequence[Rollup]) -> None:
    from sluice.cli.rebuilding.deployment import make_anew

    fail_if_wrong(asyncio.run(make_anew(settings, rollups, SINKS_LEAVE_WITHIN_S)))
