"""`sluice tail`: events as they go by."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from typing import TYPE_CHECKING

import click

from sluice.cli.reading.since import EXAMPLES, Moment
from sluice.contract.event import Api, Outcome
from sluice.kafka.settings import KafkaSettings
from sluice.role.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka.structs import ConsumerRecord

    from sluice.cli.tailing.shown_line import Filter


@click.command()
@click.option("--project", help="Only this project's events.")
@click.option("--api", type=click.Choice([api.value for api in Api]), help="Only events of this API.")
@click.option("--type", "event_type", help="Only events of this type.")
@click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome]),
              help="Only events that were decided so; leaves out accepted ones.")  # fmt: skip
@click.option("--raw", "stage", flag_value="raw", help="Only events as they are accepted.")
@click.option("--decided", "stage", flag_value="decided", help="Only events as they are decided.")
@click.option("--since", "since_ms", type=Moment(), help=f"Begin with what was written since then: {EXAMPLES}.")
@click.option("--json", "as_json", is_flag=True, help="As NDJSON.")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
def command(
    project: str | None,
    api: str | None,
    event_type: str | None,
    outcome: str | None,
    stage: str | None,
    since_ms: int | None,
    as_json: bool,
    kafka_bootstrap: str | None,
) -> None:
    """Show events as they are accepted and decided, from now on, a line each, until Ctrl-C.

    The columns: when it was accepted (UTC); partition, offset and line on events.raw; project, API, type, outcome,
    event id, reason. Each event comes twice: as accepted, and with its outcome. While Kafka is away, tail waits.
    """
    from sluice.cli.tailing.shown_line import Filter

    if stage == "raw" and outcome is not None:
        raise click.UsageError("--outcome is of events that are decided, and --raw shows those that are not")
    settings = load(KafkaSettings, kafka_bootstrap=kafka_bootstrap)
    wanted = Filter(project=project, api=api, event_type=event_type, outcome=outcome)
    stages = [stage] if stage else ["decided"] if outcome else ["raw", "decided"]
    try:
        asyncio.run(_tail(settings, stages, since_ms, wanted, as_json))
    except KeyboardInterrupt:
        return


async def _tail(
    settings: KafkaSettings, stages: list[str], since_ms: int | None, wanted: Filter, as_json: bool
) -> None:
    from sluice.cli.tailing.following import Follower
    from sluice.contract import topics

    names = {"raw": topics.RAW.name, "decided": topics.PROCESSED.name}
    follower = Follower(settings.kafka_bootstrap, [names[stage] for stage in stages], _say)
    await follower.start(since_ms)
    await follower.follow(lambda records: _print(records, wanted, as_json))


def _print(records: Sequence[ConsumerRecord[bytes, bytes]], wanted: Filter, as_json: bool) -> bool:
    """Print what passes the filter; give whether anybody still reads it."""
    from sluice.cli.tailing.shown_line import of_record

    out = sys.stdout.buffer
    try:
        for record in records:
            for line in filter(wanted.lets_pass, of_record(record)):
                out.write((line.as_json() if as_json else line.as_text()) + b"\n")
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return False
    return _is_read(out.fileno())


def _is_read(descriptor: int) -> bool:
    """Tell whether a pipe still has its reader; else that shows only when something is written to it."""
    polled = select.poll()
    polled.register(descriptor, 0)
    return not any(event & select.POLLERR for _, event in polled.poll(0))


def _say(text: str) -> None:
    click.echo(f"sluice: {text}", err=True)
