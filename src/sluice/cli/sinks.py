"""`sluice sinks`: one worker of the sinks."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.role.settings import load
from sluice.sinks.settings import SinkSettings


@click.command()
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
@click.option("--instance", "sinks_instance", help="A name for this worker that stays over restarts.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Directory for what the worker keeps (.sluice).")
def command(**options: str | int | Path | None) -> None:
    """Run one worker of the sinks, in the foreground: processed events into ClickHouse.

    Start as many as there are partitions at most; each owns its share of them. While ClickHouse is away, Kafka holds
    what is to be stored.
    """
    from sluice.sinks.main import run

    run(load(SinkSettings, **options))
