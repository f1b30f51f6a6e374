"""`sluice migrate`: the schema in ClickHouse."""

from __future__ import annotations

import click

from sluice.role.settings import load
from sluice.sinks.settings import MigrateSettings


@click.command()
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
@click.option("--print", "only_print", is_flag=True, help="Print the whole schema as SQL, and change nothing.")
def command(clickhouse_url: str | None, *, only_print: bool) -> None:
    """Bring the ClickHouse schema up to date; what is up to date is left alone."""
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
