"""`sluice broker`: the embedded Kafka broker alone."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.local.kafka.settings import BrokerSettings
from sluice.role.settings import load


@click.command()
@click.option("--kafka-port", type=int, help="Port to listen on (9092).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Directory for all data (.sluice).")
def command(kafka_port: int | None, data_dir: Path | None) -> None:
    """Run the embedded Kafka broker alone, in the foreground.

    The first start downloads Kafka (45 MB) into the user's cache. Ctrl-C stops it.
    """
    from sluice.local.kafka.main import run

    run(load(BrokerSettings, kafka_port=kafka_port, data_dir=data_dir))
