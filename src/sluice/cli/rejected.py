"""`sluice rejected`: events that were accepted and not stored, to be looked at and sent in again."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.progress_bar import progress_bar
from sluice.cli.reading.clickhouse import ClickHouse
from sluice.cli.reading.shown import number, show_table
from sluice.cli.reading.since import EXAMPLES, Moment
from sluice.cli.replaying import screen
from sluice.cli.replaying.candidates import Order, survey
from sluice.cli.replaying.filters import Filters
from sluice.cli.replaying.rows import REPLAYABLE
from sluice.cli.replaying.settings import RejectedSettings
from sluice.cli.replaying.table import RejectedEvents
from sluice.contract.errors import Unusable
from sluice.contract.event import Api, Outcome, Stage
from sluice.role.clock import system_clock
from sluice.role.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

    from sluice.cli.replaying.sender import Tally

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells give it."""

_FILTERS = (
    click.option("--project", help="Only this project's; '' for what was no raw line at all."),
    click.option("--api", type=click.Choice([api.value for api in Api]), help="Only those that came by this API."),
    click.option(
        "--outcome",
        type=click.Choice([o.value for o in Outcome if o is not Outcome.STORED]),
        help="Only those that came out so.",
    ),
    click.option(
        "--stage",
        type=click.Choice([stage.value for stage in Stage if stage]),
        help="Only those that were rejected there.",
    ),
    click.option("--reason", help="Only those whose reason holds this text, in whatever case."),
    click.option("--since", "since_ms", type=Moment(), help=f"Only those received from then on: {EXAMPLES}."),
    click.option("--until", "until_ms", type=Moment(), help="Only those received before then."),
    click.option("--event-id", type=click.UUID, help="Only this one."),
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


_clickhouse_url = click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")


@click.group()
def command() -> None:
    """Look at events that were not stored, and send them in again."""


@command.command("list")
@_filtered
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show so many, the latest.")
@click.option("--json", "as_ndjson", is_flag=True, help="As NDJSON, without counts.")
@_clickhouse_url
def list_(limit: int, as_ndjson: bool, clickhouse_url: str | None, **options: Any) -> None:
    """Show rejected events, the latest first, and how many there are for each reason."""
    filters = _meant(**options)
    events = _events(load(RejectedSettings, clickhouse_url=clickhouse_url))
    rows = asyncio.run(events.latest(filters, limit))
    if as_ndjson:
        for row in rows:
            click.echo(screen.as_json(row))
        return
    if not rows:
        click.echo("no rejected events" + (" are like that" if filters != Filters() else ""), err=True)
        return
    counts = asyncio.run(events.counts(filters))
    show_table(screen.COLUMNS, screen.TYPES, [screen.as_cells(row) for row in rows])
    _say(screen.counted(counts))
    of_all = sum(count.rows for count in counts)
    if of_all > len(rows):
        click.echo(f"these are the latest {len(rows):,} of {of_all:,}; --limit shows more", err=True)


@command.command()
@click.argument("event_id", type=click.UUID)
@_clickhouse_url
def show(event_id: UUID, clickhouse_url: str | None) -> None:
    """Tell all that is known of one event: what became of it each time, why, and what was sent."""
    events = _events(load(RejectedSettings, clickhouse_url=clickhouse_url))
    rows = asyncio.run(events.rows_of(str(event_id)))
    if not rows:
        raise Unusable(f"ClickHouse has no event {event_id}; `sluice where` looks for it on Kafka, too")
    _say(screen.shown(rows))


@command.command()
@_filtered
@click.option("--limit", type=click.IntRange(min=1), help="Send so many at most, the oldest.")
@click.option("--max-replays", type=click.IntRange(1, 65_535), default=3, show_default=True,
              help="Leave out those that were sent in again so often.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what today's rules would do with each; send nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@_clickhouse_url
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
def replay(
    limit: int | None,
    max_replays: int,
    dry_run: bool,
    yes: bool,
    clickhouse_url: str | None,
    kafka_bootstrap: str | None,
    **options: Any,
) -> None:
    """Send rejected events in again, as they came: those of the outcomes invalid and bot.

    Each keeps its id, its time and its place, and is stored once, however often it is sent in.
    """
    filters = _meant(**options)
    if filters.until_ms is None:  # what is received, and rejected, from now on is not run after
        filters = replace(filters, until_ms=system_clock())
    if filters.outcome is not None and filters.outcome not in REPLAYABLE:
        raise Unusable(f"what is {filters.outcome} stays so: it lost to another event, and would lose again")
    settings = load(RejectedSettings, clickhouse_url=clickhouse_url, kafka_bootstrap=kafka_bootstrap)
    order = Order(filters, max_replays, limit)
    found = asyncio.run(survey(_events(settings), order))
    _say(screen.surveyed(found), err=True)
    if found.ready and dry_run:
        _dry_run(settings, order)
    elif found.ready and _agreed(found.ready, yes=yes):
        _replay(settings, order, found.ready)


def _agreed(events: int, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Unusable(f"{number(events, 'event')} would be sent in again: say --yes, or look with --dry-run first")
    return click.confirm(f"Send {number(events, 'event')} in again?", err=True)


def _dry_run(settings: RejectedSettings, order: Order) -> None:
    from sluice.cli.replaying.replay import try_rules

    by = settings.rules_file()
    click.echo(f"by the rules of {by}" if by else "by the documented rules: no settings file is named", err=True)
    outcomes, refused = asyncio.run(try_rules(settings, _events(settings), order, click.echo))
    for outcome, events in outcomes.most_common():
        click.echo(f"{events:>9,}  would be {outcome}", err=True)
    _say(screen.reasons(refused), err=True)


def _replay(settings: RejectedSettings, order: Order, events: int) -> None:
    from sluice.cli.replaying.replay import send_again

    with _progress(events) as report:
        tally, interrupted = asyncio.run(send_again(settings, _events(settings), order, report))
    _say(screen.summary(tally))
    if interrupted:
        sys.exit(INTERRUPTED)
    if tally.unknown:
        raise Unusable("Kafka went away; run the command again once it is there")


def _events(settings: RejectedSettings) -> RejectedEvents:
    return RejectedEvents(ClickHouse(settings.clickhouse_url))


def _meant(*, event_id: UUID | None, **same: Any) -> Filters:
    return Filters(**same, event_id=str(event_id) if event_id else None)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Tally], None]]:
    with progress_bar() as progress:
        task = progress.add_task("sent", total=total)
        yield lambda tally: progress.update(task, completed=tally.sent)


def _say(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)
