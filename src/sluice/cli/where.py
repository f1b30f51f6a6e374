"""`sluice where`: an event's whereabouts, from the gateway's answer to the row."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from sluice.cli.reading.settings import ReadingSettings
from sluice.cli.reading.since import EXAMPLES, PastMoment
from sluice.contract.errors import Unusable
from sluice.role.settings import load

if TYPE_CHECKING:
    from sluice.cli.tracing.tracer import Trace
    from sluice.cli.tracing.wanted import Wanted


@click.command()
@click.argument("any_id", metavar="EVENT_ID|REQUEST_ID|ORDER_ID")
@click.option("--since", "since_ms", type=PastMoment(), default="1h", show_default=True,
              help=f"Search Kafka since then ({EXAMPLES}), and from when the id was made, if it says.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="Events to show.")
@click.option("--json", "as_json_lines", is_flag=True, help="As JSON, a line for each event.")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
def command(
    any_id: str,
    since_ms: int,
    limit: int,
    as_json_lines: bool,
    kafka_bootstrap: str | None,
    clickhouse_url: str | None,
) -> None:
    """Find an event by its id, its request's or its order's, and say what became of it.

    A request's id is in the header X-Request-Id of its answer. What is not in ClickHouse yet is looked for on Kafka:
    the command says then who has to take the next step, and how far behind it is. It fails if an event is lost.
    """
    from sluice.cli.tracing.report import nowhere
    from sluice.cli.tracing.wanted import wanted

    settings = load(ReadingSettings, kafka_bootstrap=kafka_bootstrap, clickhouse_url=clickhouse_url)
    sought = wanted(any_id)
    trace = asyncio.run(_trace(settings, sought, since_ms))
    if not trace.found:
        raise Unusable(nowhere(any_id, trace))
    if as_json_lines:
        _print_json(trace, limit)
    else:
        _print(trace, limit)
    if trace.unsearched:
        click.echo(f"only ClickHouse was asked: {trace.unsearched}", err=True)
    if trace.lost:
        sys.exit(1)


async def _trace(settings: ReadingSettings, sought: Wanted, since_ms: int) -> Trace:
    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.tracing.tracer import Tracer
    from sluice.role.clock import system_clock

    clickhouse = ClickHouse(settings.clickhouse_url)
    return await Tracer(clickhouse, settings.kafka_bootstrap, sought, system_clock(), since_ms).trace()


def _print(trace: Trace, limit: int) -> None:
    from sluice.cli.reading.shown import show_table
    from sluice.cli.tracing.report import as_table, details, summary

    if len(trace.found) == 1:
        for name, value in details(trace.found[0], trace):
            click.echo(f"{name:<11}{value}")
        return
    click.echo(summary(trace.found))
    show_table(*as_table(trace.found[:limit]))
    if (more := len(trace.found) - limit) > 0:
        click.echo(f"and {more:,} more; --limit shows them")


def _print_json(trace: Trace, limit: int) -> None:
    from sluice.cli.tracing.report import as_json

    for seen in trace.found[:limit]:
        click.echo(json.dumps(as_json(seen)))
