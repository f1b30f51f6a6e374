"""`sluice gateway`: the gateway's process."""

from __future__ import annotations

from pathlib import Path

import click

from sluice.gateway.settings import GatewaySettings
from sluice.role.settings import load


@click.command()
@click.option("--gateway-host", "--host", help="Address to listen on (127.0.0.1).")
@click.option("--gateway-port", "--port", type=int, help="Port to listen on (8080).")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--settings-file", type=click.Path(path_type=Path), help="TOML file of projects, keys and limits.")
@click.option("--local", is_flag=True, default=None, help="Part of the local stack: with its demo projects.")
def command(
    gateway_host: str | None,
    gateway_port: int | None,
    kafka_bootstrap: str | None,
    settings_file: Path | None,
    local: bool | None,
) -> None:
    """Run the gateway, in the foreground: HTTP in, Kafka out.

    The topics must exist (`sluice topics create`). SIGTERM and Ctrl-C finish what is in flight.
    """
    from sluice.gateway.main import run

    run(
        load(
            GatewaySettings,
            gateway_host=gateway_host,
            gateway_port=gateway_port,
            kafka_bootstrap=kafka_bootstrap,
            settings_file=settings_file,
            local=local,
        )
    )
