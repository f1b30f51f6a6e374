"""`sluice migrate`: the schema in ClickHouse."""

from __future__ import annotations

import click

from sluice.role.settings import load
from sluice.sinks.settings import ClickHouseClientSettings


@click.command()
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
def command(clickhouse_url: str | None) -> None:
    """Bring the ClickHouse schema up to date; what is up to date is left alone."""
    from sluice.sinks.migrations import migrate

    settings = load(ClickHouseClientSettings, clickhouse_url=clickhouse_url)
    applied = migrate(settings.clickhouse_url)
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("the schema is up to date")
