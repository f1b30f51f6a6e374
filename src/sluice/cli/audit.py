"""`sluice audit`: the promise, checked: every accepted event has exactly one row."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from sluice.cli.progress_bar import progress_bar
from sluice.cli.reading.settings import ReadingSettings
from sluice.cli.reading.since import EXAMPLES, PastMoment
from sluice.contract.errors import Unusable
from sluice.role.settings import load

if TYPE_CHECKING:
    from sluice.cli.auditing.audit import Finding


@click.command()
@click.option("--since", "since_ms", type=PastMoment(), help=f"Audit what was accepted since then ({EXAMPLES}) "
              "instead of all that events.raw holds.")  # fmt: skip
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=0,
              help="Seconds to wait until nothing is on the way; fail if something still is.")  # fmt: skip
@click.option("--json", "as_json_object", is_flag=True, help="As a JSON object.")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
def command(
    since_ms: int | None,
    wait_s: float,
    as_json_object: bool,
    kafka_bootstrap: str | None,
    clickhouse_url: str | None,
) -> None:
    """Compare what was accepted with what is in ClickHouse, event by event, and fail unless they agree.

    Every line of events.raw must have one row in sluice.event_log, or be on the way: beyond what the sinks have
    stored. So accepted = stored + rejected + on the way, for each partition and project. And each roll-up must be
    made of the rows of sluice.event_log, month by month.
    """
    settings = load(ReadingSettings, kafka_bootstrap=kafka_bootstrap, clickhouse_url=clickhouse_url)
    finding, arrived, added = asyncio.run(_audit(settings, since_ms, wait_s))
    if as_json_object:
        from sluice.cli.auditing.report import as_json

        click.echo(json.dumps(as_json(finding), indent=2))
    else:
        _print(finding, arrived=arrived)
    if not finding.is_right:
        sys.exit(1)
    if not arrived:
        raise Unusable(f"after {wait_s:g} s not everything is stored: are the processors and the sinks running?")
    if not added:
        raise Unusable(f"after {wait_s:g} s the roll-ups lack what is stored: are the sinks running? "
                       "If they are, stop them and run `sluice rollups rebuild`")  # fmt: skip


async def _audit(settings: ReadingSettings, since_ms: int | None, wait_s: float) -> tuple[Finding, bool, bool]:
    from sluice.cli.auditing.audit import audit, wait_until_stored
    from sluice.cli.auditing.table import Table
    from sluice.cli.forgetting.register import Register
    from sluice.cli.reading.clickhouse import ClickHouse
    from sluice.cli.reading.log import Log
    from sluice.cli.rebuilding.checking import RollupTables, check_once_added
    from sluice.cli.rebuilding.rollup import ROLLUPS
    from sluice.contract import topics

    raw_log = Log(settings.kafka_bootstrap, topics.RAW.name)
    topic_id = await raw_log.topic_id()
    offsets = await (raw_log.ranges() if since_ms is None else raw_log.ranges_since(since_ms))
    clickhouse = ClickHouse(settings.clickhouse_url)
    table = Table(clickhouse, topic_id)
    with progress_bar() as progress:
        arrived = not wait_s or await wait_until_stored(table, offsets, wait_s)
        task = progress.add_task("raw records", total=sum(map(len, offsets.values())))
        finding = await audit(raw_log, table, offsets, topic_id, lambda count: progress.advance(task, count))
        patience_s = wait_s if finding.balances else 0  # rows too many may never be added up
        finding.rollups, added = await check_once_added(RollupTables(clickhouse, ROLLUPS), patience_s)
        register = Register(clickhouse)
        finding.of_forgotten = await register.readable(await register.entries())
    return finding, arrived, added or not wait_s


def _print(finding: Finding, *, arrived: bool) -> None:
    from sluice.cli.auditing.report import alarms, columns, lines, notes, verdicts
    from sluice.cli.reading.shown import show_table

    names = columns(finding)
    show_table(names, ["String", "String", *["UInt64"] * (len(names) - 2)], list(lines(finding)))
    for note in notes(finding):
        click.echo(note)
    for verdict in verdicts(finding, arrived=arrived):
        click.echo(verdict)
    for alarm in alarms(finding):
        click.secho(alarm, fg="red", bold=True, err=True)
