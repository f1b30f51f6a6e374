"""`sluice clickhouse`: the embedded ClickHouse alone."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.role.settings import load


@click.command()
@click.option("--clickhouse-port", type=int, help="Port of the HTTP interface (8123).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Directory for all data (.sluice).")
@click.option(
    "--clickhouse-path", type=click.Path(path_type=Path), help="Directory for its data (DATA_DIR/clickhouse)."
)
def command(clickhouse_port: int | None, data_dir: Path | None, clickhouse_path: Path | None) -> None:
    """Run the embedded ClickHouse alone, in the foreground. Ctrl-C stops it."""
    from sluice.local.clickhouse.main import run
    from sluice.local.clickhouse.settings import ClickHouseSettings

    run(load(ClickHouseSettings, clickhouse_port=clickhouse_port, data_dir=data_dir, clickhouse_path=clickhouse_path))
