"""`sluice users forget`, from its options to its exit code."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sluice.cli.forgetting import report
from sluice.cli.forgetting.forget import Forgetting, again
from sluice.cli.forgetting.retention import remains
from sluice.cli.forgetting.traces import BOUND_BYTES
from sluice.cli.progress_bar import progress_bar
from sluice.cli.reading.shown import number
from sluice.contract.errors import Unusable
from sluice.processors.rules.canonical.visitor import LOCAL_SECRET, Visitors
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from sluice.cli.forgetting.settings import ForgettingSettings


def named(users: Sequence[str], file: Path | None) -> list[str]:
    """Give the names of the command line and of the file, each once. Raises `Unusable` where there is none."""
    names = [*users, *(_lines(file) if file else [])]
    if "" in users or any(not name.strip() for name in names):
        raise Unusable("a user's name is empty")
    if any(not _is_text(name) for name in names):
        raise Unusable("a user's name is no UTF-8")
    if any(len(name.encode()) > BOUND_BYTES for name in names):
        raise Unusable(f"a user's name has more than {BOUND_BYTES:,} bytes")
    if not names:
        raise Unusable("name the users to forget, or a file that does, with --file")
    return list(dict.fromkeys(names))


def _is_text(name: str) -> bool:
    """Tell whether a name of the command line was UTF-8: Python keeps other bytes as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{file} cannot be read: {error}") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def forget_people(
    settings: ForgettingSettings,
    project: str,
    users: Sequence[str],
    *,
    shared: bool,
    wait_s: float,
    dry_run: bool,
    yes: bool,
) -> None:
    """Find these people, ask, forget them, and say what remains."""
    with _progress() as told:
        found = asyncio.run(_forgetting(settings, project, told).find(users, shared=shared, wait_s=wait_s))
    _say(report.unknown(found, project), err=True)
    if found.people:
        _say(report.surveyed(found))
    if found.people and not dry_run:
        _agree(len(found.people), yes=yes)
        with _progress() as told:
            forgotten = asyncio.run(_forgetting(settings, project, told).forget(found, shared=shared, wait_s=wait_s))
            remaining = asyncio.run(remains(settings.kafka_bootstrap, system_clock()))
        _say(report.done(forgotten))
        _say(report.remaining(remaining))
        if not forgotten.arrived:
            raise Unusable(
                f"after {wait_s:g} s not everything that was accepted before is in ClickHouse: "
                "see that processors and sinks run, then run the same command again"
            )
    if found.unknown:
        sys.exit(1)


def forget_again(settings: ForgettingSettings) -> None:
    """Blank once more whoever was ever forgotten."""
    with _progress() as told:
        rows = asyncio.run(again(settings.clickhouse_url, settings.kafka_bootstrap, told))
    click.echo(f"blanked {number(rows, 'event')} of those who were forgotten before")


def _forgetting(settings: ForgettingSettings, project: str, told: Callable[[str], None]) -> Forgetting:
    secret = settings.visitor_secret.get_secret_value().encode() if settings.visitor_secret else LOCAL_SECRET
    visitors = Visitors(secret)
    return Forgetting(settings.kafka_bootstrap, settings.clickhouse_url, project, visitors, system_clock, told)


def _agree(people: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Unusable("this cannot be undone: say --yes, or look with --dry-run first")
    click.confirm(
        f"Forget {'this person' if people == 1 else f'these {people:,} people'} for good?", abort=True, err=True
    )


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    from rich.progress import SpinnerColumn

    with progress_bar(SpinnerColumn()) as progress:
        task = progress.add_task("looking", total=None)
        yield lambda words: progress.update(task, description=words)


def _say(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)
