"""`sluice rejected`: events that were accepted and not stored, to be looked at and sent in again."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.query import table
from sluice.cli.replaying import screen
from sluice.cli.replaying.candidates import Order, survey
from sluice.cli.replaying.clickhouse import RejectedEvents
from sluice.cli.replaying.filters import Filters, moment_ms
from sluice.cli.replaying.rows import REPLAYABLE
from sluice.cli.replaying.settings import RejectedSettings
from sluice.contract.errors import Unusable
from sluice.contract.event import Api, Outcome, Stage
from sluice.gateway.clock import system_clock
from sluice.role.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
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
    click.option("--since", help="Only those received from then on: how long ago (90s, 30m, 2h, 7d) or a time."),
    click.option("--until", help="Only those received before then."),
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
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what fails is said in one sentence


@command.command("list")
@_filtered
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show so many, the latest.")
@click.option("--json", "as_ndjson", is_flag=True, help="As NDJSON, without counts.")
@_clickhouse_url
def list_(limit: int, as_ndjson: bool, clickhouse_url: str | None, **options: Any) -> None:
    """Show rejected events, the latest first, and how many there are for each reason."""
    filters = _meant(**options)
    settings = load(RejectedSettings, clickhouse_url=clickhouse_url)
    with closing(RejectedEvents(settings.clickhouse_url)) as events:
        rows = events.latest(filters, limit)
        if as_ndjson:
            for row in rows:
                click.echo(screen.as_json(row))
            return
        counts = events.counts(filters)
    if not rows:
        click.echo("no rejected events" + (" are like that" if filters != Filters() else ""), err=True)
        return
    _print_table([screen.as_cells(row) for row in rows])
    _say(screen.counted(counts))
    of_all = sum(row["events"] for row in counts)
    if of_all > len(rows):
        click.echo(f"these are the latest {len(rows):,} of {of_all:,}; --limit shows more", err=True)


@command.command()
@click.argument("event_id", type=click.UUID)
@_clickhouse_url
def show(event_id: UUID, clickhouse_url: str | None) -> None:
    """Tell all that is known of one event: what became of it each time, why, and what was sent."""
    settings = load(RejectedSettings, clickhouse_url=clickhouse_url)
    with closing(RejectedEvents(settings.clickhouse_url)) as events:
        rows = events.rows_of(str(event_id))
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
    now_ms = system_clock()
    filters = _meant(**{**options, "until": options["until"] or screen.time_of(now_ms)})
    if filters.outcome is not None and filters.outcome not in REPLAYABLE:
        raise Unusable(f"what is {filters.outcome} stays so: it lost to another event, and would lose again")
    settings = load(RejectedSettings, clickhouse_url=clickhouse_url, kafka_bootstrap=kafka_bootstrap)
    order = Order(filters, max_replays, limit)
    with closing(RejectedEvents(settings.clickhouse_url)) as events:
        ready = _ready(events, order)
        if dry_run:
            _dry_run(settings, events, order)
        elif ready and _agreed(min(ready, limit or ready), yes=yes):
            _replay(settings, events, order, ready)


def _ready(events: RejectedEvents, order: Order) -> int:
    """Count what may be sent in again, and say of the rest why it may not."""
    ready, refused = survey(events, order)
    staying = {
        outcome: sum(row["events"] for row in rows)
        for outcome in (Outcome.DUPLICATE, Outcome.THROTTLED)
        if (rows := [row for row in events.counts(order.filters) if row["outcome"] == outcome])
    }
    stay = [f"{count:,} {outcome}" for outcome, count in staying.items()]
    if stay and not ready and not refused:
        raise Unusable(f"{' and '.join(stay)} and nothing else is like that, and stays so: it lost to another event")
    for text in stay:
        click.echo(f"left out: {text}, which stay so", err=True)
    if not ready:
        _say(screen.reasons(refused), err=True)
        click.echo("there is nothing to send in again", err=True)
    return ready


def _agreed(count: int, *, yes: bool) -> bool:
    if yes:
        return True
    events = f"{count:,} event{'' if count == 1 else 's'}"
    if not sys.stdin.isatty():
        raise Unusable(f"{events} would be sent in again: say --yes, or look with --dry-run first")
    return click.confirm(f"Send {events} in again?", err=True)


def _dry_run(settings: RejectedSettings, events: RejectedEvents, order: Order) -> None:
    from sluice.cli.replaying.replay import try_rules

    by = settings.rules_file()
    click.echo(
        f"by the rules of {by}" if by else "by the documented rules, since no settings file is named", err=True
    )
    outcomes, refused = asyncio.run(try_rules(settings, events, order, click.echo))
    for outcome, count in outcomes.most_common():
        click.echo(f"{count:>9,}  would be {outcome}", err=True)
    _say(screen.reasons(refused), err=True)


def _replay(settings: RejectedSettings, events: RejectedEvents, order: Order, ready: int) -> None:
    from sluice.cli.replaying.replay import send_again

    with _progress(min(ready, order.limit or ready)) as report:
        tally, interrupted = asyncio.run(send_again(settings, events, order, report))
    _say(screen.summary(tally))
    if interrupted:
        sys.exit(INTERRUPTED)
    if tally.unknown:
        raise Unusable("Kafka went away; run the command again once it is there")


def _meant(*, since: str | None, until: str | None, event_id: UUID | None, **same: str | None) -> Filters:
    now = datetime.now(UTC)
    return Filters(
        **same,
        event_id=str(event_id) if event_id else None,
        since_ms=moment_ms("--since", since, now) if since else None,
        until_ms=moment_ms("--until", until, now) if until else None,
    )


_WIDE = 10_000


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console

    # A file or a pipe is as wide as the table; only a terminal folds.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    console.print(table(screen.COLUMNS, screen.TYPES, rows))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Tally], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("sent"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("sent", total=total)
        yield lambda tally: progress.update(task, completed=tally.sent)


def _say(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)
