"""`sluice up`: the whole pipeline on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.local.up.plan import LOCAL_STACK, names_of
from sluice.local.up.settings import UpSettings
from sluice.role.settings import load


@click.command()
@click.option("--gateway-port", type=int, help="Port of the gateway (8080).")
@click.option("--clickhouse-port", type=int, help="Port of ClickHouse's HTTP interface (8123).")
@click.option("--kafka-port", type=int, help="Port of the Kafka broker (9092).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Directory for all data and logs (.sluice).")
@click.option("--without", metavar="NAMES", default="",
              help=f"Leave these out, separated by commas: {', '.join(names_of(LOCAL_STACK))}.")  # fmt: skip
def command(
    gateway_port: int | None,
    clickhouse_port: int | None,
    kafka_port: int | None,
    data_dir: Path | None,
    without: str,
) -> None:
    """Start the whole pipeline on this machine, in the foreground.

    Kafka, ClickHouse, gateway, processors and sinks run as processes of their own; one that dies is started again.
    Their logs are in the data directory under logs/. Ctrl-C stops everything within 15 seconds.
    """
    from sluice.local.up.main import run

    settings = load(
        UpSettings,
        gateway_port=gateway_port,
        clickhouse_port=clickhouse_port,
        kafka_port=kafka_port,
        data_dir=data_dir,
    )
    run(settings, left_out=[name.strip() for name in without.split(",") if name.strip()])
