"""`sluice processors`: one worker of the processors."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.processors.settings import ProcessorSettings
from sluice.role.settings import load


@click.command()
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--instance", "processors_instance", help="A name for this worker that stays over restarts.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Directory for what the worker keeps (.sluice).")
def command(**options: str | int | Path | None) -> None:
    """Run one worker of the processors, in the foreground: rules between the two topics.

    Start as many as there are partitions at most; each owns its share of them. SIGTERM and Ctrl-C finish the batch in
    hand and leave the group.
    """
    from sluice.processors.main import run

    run(load(ProcessorSettings, **options))
